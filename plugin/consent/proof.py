"""Verify the consent ledger, and export it as proof.

A shop's ledger yields its violations; a person's yields their entries with every field and the
verdict on them, as JSON or CSV, for a dispute about a consent.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlmodel import Session

from plugin import clock
from plugin.errors import RegularsError
from plugin.sheets.cells import csv_chunks
from storage import consent_ledger, data_subject, ledger_audit, shops
from storage.consent_ledger import ConsentEntry, ConsentEvent
from storage.engine import append_only, db
from storage.ledger_audit import LedgerViolation, ViolationKind

COLUMN_NOTES = (
    "Every entry of the consent ledger for one person's addresses, in the order in which they were"
    " written; moments in UTC. Each entry's hash is an HMAC-SHA-256, under a key of this"
    " installation, over the hash before it and all that the entry says."
)
FIELDS = tuple(ConsentEvent.model_fields)


def check_ledger(domain: str = "") -> list[str]:
    """A sentence for each flaw of every shop's ledger, or of one shop's.

    Raises:
        RegularsError: there is no such shop.
    """
    found: list[str] = []
    with db.snapshot() as session:
        if not append_only.is_protected(session):
            found.append("The database's guards are down: run `regulars migrate`.")
        every = shops.all_domains(session)
        if domain and domain not in every:
            raise RegularsError(f"There is no shop {domain}.", 404)
        for name in [domain] if domain else sorted(every):
            flawed = ledger_audit.violations_of(session, every[name])
            found += [f"{name}: {violation_sentence(flaw)}" for flaw in flawed]
    return found


def violation_sentence(flaw: LedgerViolation) -> str:
    """What does not hold, and where."""
    where = f"{flaw.channel} {flaw.address}"
    if flaw.kind == ViolationKind.STATE:
        return f"{where}: the state does not follow from the entries."
    if flaw.kind == ViolationKind.MISSING:
        more = f" to {flaw.position + flaw.count - 1}" if flaw.position and flaw.count > 1 else ""
        return f"{where}: entry {flaw.position}{more} is missing."
    return f"{where}: entry {flaw.position} (id {flaw.entry_id}) is not what was written there."


def proof_as_json(shop_id: int, keys: Sequence[tuple[str, str]]) -> str:
    """One person's entries and the verdict, as one JSON text."""
    with db.snapshot() as session:
        shop = shops.get_shop(session, shop_id)
        entries, flawed = _found(session, shop_id, keys)
    proof = {
        "about": COLUMN_NOTES,
        "shop": "" if shop is None else shop.domain,
        "made_at": _plain(clock.now()),
        "holds": not flawed,
        "flaws": [violation_sentence(flaw) for flaw in flawed],
        "entries": [
            {name: _plain(value) for name, value in _fields(entry).items()} for entry in entries
        ],
    }
    return json.dumps(proof, ensure_ascii=False, indent=1)


def proof_as_csv(shop_id: int, keys: Sequence[tuple[str, str]]) -> str:
    """One person's entries as a table; `verdict` names what does not hold at an entry."""
    with db.snapshot() as session:
        entries, flawed = _found(session, shop_id, keys)
    by_entry: dict[int | None, list[str]] = {}
    for flaw in flawed:
        by_entry.setdefault(flaw.entry_id, []).append(violation_sentence(flaw))
    rows: list[list[object]] = [[*FIELDS, "verdict"]]
    for entry in entries:
        verdict = " ".join(by_entry.pop(entry["id"], ["holds"]))
        rows.append([*_fields(entry).values(), verdict])
    gone = by_entry.values()  # the flaws of entries that are no longer there
    rows += [[*("" for _ in FIELDS), " ".join(problem)] for problem in gone]
    return "".join(csv_chunks(rows))


def _found(
    session: Session, shop_id: int, keys: Sequence[tuple[str, str]]
) -> tuple[list[ConsentEntry], list[LedgerViolation]]:
    places = sorted(set(data_subject.find_subject(session, shop_id, keys).addresses))
    chains = consent_ledger.entries_at(session, shop_id, places)
    entries = [entry for place in places for entry in chains[place]]
    return entries, list(ledger_audit.violations_at(session, shop_id, places))


def _fields(entry: Mapping[str, object]) -> dict[str, object]:
    return {name: entry[name] for name in FIELDS}


def _plain(value: object) -> object:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
