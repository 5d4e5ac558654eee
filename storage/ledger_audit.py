"""Audit a shop's consent ledger and return its violations."""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select as columns
from sqlalchemy import tuple_, union
from sqlmodel import Session, col

from storage import consent_ledger
from storage.consent import Consent, latest_states, states_at
from storage.consent_ledger import FORGOTTEN, ConsentChain, ConsentEntry, ConsentEvent, LedgerKey
from storage.engine import encryption


class ViolationKind(StrEnum):
    """What may be wrong with a chain."""

    CHANGED = "changed"  # an entry does not fit its hash: changed, or put in another's place
    MISSING = "missing"  # entries between two others, or at the end
    STATE = "state"  # the state does not follow from the entries


@dataclass(frozen=True, slots=True)
class LedgerViolation:
    """One thing that does not hold.

    `position` and `entry_id` name the entry; of `count` missing ones the first position, and the
    entry beside the gap.
    """

    channel: str
    address: str
    kind: ViolationKind
    position: int | None = None
    entry_id: int | None = None
    count: int = 1


def violations_of(session: Session, shop_id: int) -> Iterator[LedgerViolation]:
    """All flaws of a shop's ledger, chain by chain."""
    after: LedgerKey = ("", "")
    while places := _page(session, shop_id, after):
        yield from violations_at(session, shop_id, places)
        after = places[-1]


def violations_at(
    session: Session, shop_id: int, places: Sequence[LedgerKey]
) -> Iterator[LedgerViolation]:
    """The flaws of some chains and of the states that follow from them."""
    keys = encryption.derive_keys("ledger")
    entries = consent_ledger.entries_at(session, shop_id, places)
    ends = consent_ledger.ends_of(session, shop_id, places)
    states = states_at(session, shop_id, places)
    for place in places:
        yield from _chain(keys, place, entries[place], ends.get(place, (0, "")))
        if not place[1].startswith(FORGOTTEN):
            held = {key: row for key, row in states.items() if key[:2] == place}
            if held != latest_states(entries[place]):
                yield LedgerViolation(*place, ViolationKind.STATE)


def _chain(
    keys: dict[str, bytes], place: LedgerKey, rows: Iterable[ConsentEntry], end: tuple[int, str]
) -> Iterator[LedgerViolation]:
    length, last, entry_id = 0, "", None
    for row in rows:
        gap = row["position"] - length - 1
        if gap:
            yield LedgerViolation(*place, ViolationKind.MISSING, length + 1, row["id"], gap)
        # What an entry was chained to is not known once that is gone.
        if not gap and not _fits(keys, last, row):
            yield LedgerViolation(*place, ViolationKind.CHANGED, row["position"], row["id"])
        length, last, entry_id = row["position"], row["hash"], row["id"]
    if end[0] > length:
        yield LedgerViolation(*place, ViolationKind.MISSING, length + 1, entry_id, end[0] - length)
    elif end != (length, last):
        yield LedgerViolation(*place, ViolationKind.CHANGED, length, entry_id)


def _fits(keys: dict[str, bytes], last: str, row: ConsentEntry) -> bool:
    key_id, _, digest = row["hash"].partition(".")
    return key_id in keys and hmac.compare_digest(
        digest.encode(), consent_ledger.entry_hash(keys[key_id], last, row).encode()
    )


def _page(session: Session, shop_id: int, after: LedgerKey) -> list[LedgerKey]:
    """The next places of which anything at all is kept."""
    parts = [
        columns(col(table.channel), col(table.address)).where(
            col(table.shop_id) == shop_id,
            tuple_(col(table.channel), col(table.address)) > after,
        )
        for table in (ConsentEvent, ConsentChain, Consent)
    ]
    every = union(*parts).order_by("channel", "address").limit(consent_ledger.PLACES_BATCH_SIZE)
    return [(row.channel, row.address) for row in session.connection().execute(every)]
