"""The machine room: sessions, locks, leases, types and guards, without a noun of ours."""
