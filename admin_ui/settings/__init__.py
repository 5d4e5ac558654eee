"""Settings: senders, consent, synchronisation and failed webhooks."""
