"""What each shopper allowed, for each address, channel and purpose; it follows from the ledger."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypedDict, TypeVar, cast

from sqlalchemy import Index, func
from sqlalchemy import select as columns
from sqlalchemy.sql import Select
from sqlmodel import Field, Session, SQLModel, col, select

from storage import consent_ledger, suppressions, write_backs
from storage import counts as stored_counts
from storage.channels import STOREFRONT_CHANNELS, Channel
from storage.consent_ledger import (
    ConsentEntry,
    ConsentEvent,
    ConsentPurpose,
    ConsentSource,
    ConsentState,
    LedgerKey,
    ReportedConsent,
)
from storage.counts import Count
from storage.engine import db
from storage.engine.types import big, enum_column, moment, shop_key
from storage.write_backs import RequestedWriteBack

EXPLICIT_STATES = (ConsentState.SUBSCRIBED, ConsentState.UNSUBSCRIBED)
REFUSING_STATES = (ConsentState.UNSUBSCRIBED, ConsentState.BOUNCED)
STATE_PRECEDENCE = {  # of two entries of one moment the greater one holds
    ConsentState.SUBSCRIBED: 1,
    ConsentState.BOUNCED: 2,
    ConsentState.UNSUBSCRIBED: 3,
}

Key = tuple[str, str, ConsentPurpose]  # a channel, an address and a purpose


class Consent(SQLModel, table=True):
    """The state of one address on one channel for one purpose, and the entry that made it."""

    __table_args__ = (Index("consent_state", "shop_id", "state", "purpose", "changed_at"),)

    shop_id: int = shop_key()
    channel: str = Field(primary_key=True, description="a `storage.channels.Channel`")
    address: str = Field(primary_key=True, description="this email, this phone in E.164")
    purpose: ConsentPurpose = enum_column(
        ConsentPurpose, default=ConsentPurpose.MARKETING, primary_key=True
    )
    state: ConsentState = enum_column(ConsentState)
    changed_at: datetime = moment()
    expires_at: datetime | None = moment(default=None)
    from_import: bool = Field(default=False, description="a yes that a merchant's file says")
    ledger_entry_id: int = big()


class ConsentRow(TypedDict):
    """One row of `Consent`."""

    shop_id: int
    channel: str
    address: str
    purpose: ConsentPurpose
    state: ConsentState
    changed_at: datetime
    expires_at: datetime | None
    from_import: bool
    ledger_entry_id: int


_Reported = TypeVar("_Reported", bound=ReportedConsent)


def record_consent(session: Session, events: Sequence[ConsentEntry]) -> None:
    """Add entries to the ledger, once each by `dedupe_key`, and update the states.

    A redacted address stays suppressed until its owner agrees again, and a merchant's file never
    overrides a no.

    Consent that was given to us is written back to the storefront; what the storefront reports is
    not, and our own entry that it reports back changes nothing.
    """
    by_shop: dict[int, list[ConsentEntry]] = {}
    for event in events:
        by_shop.setdefault(event["shop_id"], []).append(event)
    for shop_id, said in by_shop.items():
        consent_ledger.lock_chains(
            session, shop_id, {(row["channel"], row["address"]) for row in said}
        )
        new = consent_ledger.new_entries(session, shop_id, _without_echoes(session, shop_id, said))
        _heed(session, shop_id, new)
        consent_ledger.append_entries(session, shop_id, new)
        counts = [row for row in new if row["takes_effect"]]
        _follow(session, shop_id, counts)
        _tell_storefront(session, shop_id, counts)


def _without_echoes(
    session: Session, shop_id: int, rows: Sequence[_Reported]
) -> Sequence[_Reported]:
    """Without what the storefront has from us. It keeps whole seconds."""
    told = {_write_back_key(row) for row in rows if row["source"] == ConsentSource.STOREFRONT}
    if not (known := write_backs.by_key(session, shop_id, told) if told else {}):
        return rows

    def is_echo(row: ReportedConsent) -> bool:
        ours = known.get(_write_back_key(row))
        return (
            ours is not None
            and row["source"] == ConsentSource.STOREFRONT
            and row["state"] == ours.value
            and row["occurred_at"].replace(microsecond=0)
            == ours.requested_at.replace(microsecond=0)
        )

    return [row for row in rows if not is_echo(row)]


def _tell_storefront(session: Session, shop_id: int, rows: Sequence[ConsentEntry]) -> None:
    """A bounce, a purchase or the yes of a file is no word of the shopper's, so it stays here."""
    said: list[RequestedWriteBack] = [
        {
            "kind": Channel(row["channel"]),
            "name": row["address"],
            "value": row["state"],
            "profile_id": row["profile_id"],
            "requested_at": row["occurred_at"],
        }
        for row in rows
        if (row["source"] != ConsentSource.STOREFRONT and row["state"] in EXPLICIT_STATES)
        and (row["source"] != ConsentSource.IMPORT or row["state"] == ConsentState.UNSUBSCRIBED)
        and (row["purpose"] == ConsentPurpose.MARKETING and row["channel"] in STOREFRONT_CHANNELS)
    ]
    if said:
        write_backs.save_write_backs(
            session, shop_id, said, max(row["recorded_at"] for row in rows)
        )


def _write_back_key(row: ReportedConsent) -> str:
    return write_backs.key_of(row["channel"], row["address"], None)


def _heed(session: Session, shop_id: int, new: Sequence[ConsentEntry]) -> None:
    """Note at each entry whether it counts."""
    asks = [
        row
        for row in new
        if row["state"] in (ConsentState.SUBSCRIBED, ConsentState.IMPLIED)
        and row["purpose"] == ConsentPurpose.MARKETING
    ]
    heeded = (
        {row["id"] for row in suppressions.lifts_suppression(session, shop_id, asks)}
        if asks
        else set()
    )
    imported = {_place(row) for row in asks if row["source"] == ConsentSource.IMPORT}
    refused = {
        _place(row)
        for row in new
        if row["state"] in REFUSING_STATES and row["purpose"] == ConsentPurpose.MARKETING
    } & imported
    refused |= refusing_addresses(session, shop_id, imported - refused)
    for row in asks:
        row["takes_effect"] = row["id"] in heeded and (
            row["source"] != ConsentSource.IMPORT or _place(row) not in refused
        )


def _place(row: ReportedConsent) -> LedgerKey:
    return row["channel"], row["address"]


def refusing_addresses(
    session: Session, shop_id: int, places: Iterable[LedgerKey]
) -> set[LedgerKey]:
    """Return those addresses where a file's yes has no effect: unsubscribed or redacted ones."""
    asked = set(places)
    states = states_at(session, shop_id, asked)
    return suppressions.suppressed_addresses(session, shop_id, asked).keys() | {
        (channel, address)
        for (channel, address, purpose), state in states.items()
        if purpose == ConsentPurpose.MARKETING and state["state"] in REFUSING_STATES
    }


def latest_states(entries: Iterable[ConsentEntry]) -> dict[Key, ConsentRow]:
    """Return the states that entries of the ledger lead to, in any order of them.

    The latest explicit entry wins; of two at the same moment a stop does. The yes of a merchant's
    file never beats one, not even an older no that comes after it. Nor does a consent that is only
    implied, and of several the one that lasts longest holds. A confirmation request withdraws
    nothing.
    """
    states: dict[Key, ConsentRow] = {}
    for entry in entries:
        if not entry["takes_effect"]:
            continue
        state: ConsentRow = {
            "shop_id": entry["shop_id"],
            "channel": entry["channel"],
            "address": entry["address"],
            "purpose": entry["purpose"],
            "state": entry["state"],
            "changed_at": entry["occurred_at"],
            "expires_at": entry["expires_at"],
            "from_import": entry["source"] == ConsentSource.IMPORT
            and entry["state"] == ConsentState.SUBSCRIBED,
            "ledger_entry_id": entry["id"],
        }
        _keep_stronger(states, state)
    return states


def _keep_stronger(states: dict[Key, ConsentRow], state: ConsentRow) -> None:
    key = (state["channel"], state["address"], state["purpose"])
    if key not in states or _weight(state) > _weight(states[key]):
        states[key] = state


def _weight(state: ConsentRow) -> tuple[int, datetime, float, int]:
    """The greatest holds: a total order, so that states depend on the set of entries alone."""
    at = state["changed_at"]
    if state["state"] == ConsentState.PENDING:
        return 0, at, 0, state["ledger_entry_id"]
    if state["state"] == ConsentState.IMPLIED:
        return 1, state["expires_at"] or at, at.timestamp(), state["ledger_entry_id"]
    rank = 2 if state["from_import"] else 3
    return rank, at, STATE_PRECEDENCE.get(state["state"], 0), state["ledger_entry_id"]


def _follow(session: Session, shop_id: int, rows: Sequence[ConsentEntry]) -> None:
    """Let the states follow new entries. The caller holds the lock of their chains."""
    told = latest_states(rows)
    if not told:
        return
    states = states_at(session, shop_id, {(channel, address) for channel, address, _ in told})
    for state in told.values():
        _keep_stronger(states, state)
    changed = [states[key] for key in told if states[key] is told[key]]
    if not changed:
        return
    upsert = db.insert(Consent)
    session.connection().execute(
        upsert.on_conflict_do_update(
            index_elements=["shop_id", "channel", "address", "purpose"],
            set_={
                name: upsert.excluded[name]
                for name in ("state", "changed_at", "expires_at", "from_import", "ledger_entry_id")
            },
        ),
        changed,
    )


def states_at(session: Session, shop_id: int, places: Iterable[LedgerKey]) -> dict[Key, ConsentRow]:
    """The states of some places as plain rows."""
    table = db.table_of(Consent)
    rows = session.connection().execute(
        columns(table).where(table.c.shop_id == shop_id, consent_ledger.stands_at(Consent, places))
    )
    return {
        (row.channel, row.address, row.purpose): cast("ConsentRow", dict(row._mapping))
        for row in rows
    }


def get_consent(
    session: Session,
    shop_id: int,
    channel: str,
    address: str,
    *,
    purpose: ConsentPurpose = ConsentPurpose.MARKETING,
) -> Consent | None:
    """What one address allowed on one channel; None when it was never asked."""
    # `record` writes past the session, which would answer with what it read before.
    return session.get(Consent, (shop_id, channel, address, purpose), populate_existing=True)


def try_lock_consent(session: Session, shop_id: int, channel: str, address: str) -> bool:
    """Lock the consent of one address until this transaction ends; return whether it was free.

    We do not wait for another holder, which may wait for a lock of ours. SQLite has one writer
    anyway.
    """
    if db.is_sqlite(db.engine()):
        return True
    there = select(Consent.purpose).where(
        Consent.shop_id == shop_id, Consent.channel == channel, Consent.address == address
    )
    held = session.exec(there.with_for_update(read=True, skip_locked=True)).all()
    return set(held) == set(session.exec(there))


def consent_state(
    session: Session, shop_id: int, channel: str, address: str
) -> ConsentState | None:
    """The state for marketing, one of the codes above; None when this address was never asked."""
    found = get_consent(session, shop_id, channel, address)
    return None if found is None else found.state


def refuses_open_tracking(session: Session, shop_id: int, channel: str, address: str) -> bool:
    """Whether the owner of an address does not want it noted that they open mails."""
    held = get_consent(session, shop_id, channel, address, purpose=ConsentPurpose.OPEN_TRACKING)
    return held is not None and held.state == ConsentState.UNSUBSCRIBED


def consents_of(
    session: Session, shop_id: int, addresses: Sequence[LedgerKey]
) -> Sequence[Consent]:
    """The states for marketing of several (channel, address) pairs."""
    if not addresses:
        return []
    return session.exec(
        select(Consent).where(
            Consent.shop_id == shop_id,
            Consent.purpose == ConsentPurpose.MARKETING,
            consent_ledger.stands_at(Consent, addresses),
        )
    ).all()


def new_entries(session: Session, shop_id: int, entries: Sequence[ReportedConsent]) -> set[str]:
    """The unique keys of those entries that `record` would take in: neither in the ledger nor our
    own word coming back.
    """
    heard = {entry["dedupe_key"] for entry in _without_echoes(session, shop_id, entries)}
    return heard - consent_ledger.known_keys(session, shop_id, heard)


def ledger_of(
    session: Session, shop_id: int, addresses: Sequence[LedgerKey], limit: int = 200
) -> Sequence[ConsentEvent]:
    """The ledger's entries for several (channel, address) pairs, newest first."""
    return session.exec(
        select(ConsentEvent)
        .where(ConsentEvent.shop_id == shop_id, consent_ledger.stands_at(ConsentEvent, addresses))
        .order_by(col(ConsentEvent.occurred_at).desc(), col(ConsentEvent.position).desc())
        .limit(limit)
    ).all()


def get_entry(session: Session, shop_id: int, event_id: int) -> ConsentEvent | None:
    """One entry of the ledger."""
    return session.get(ConsentEvent, (shop_id, event_id))


def count_subscribers(session: Session, shop_id: int, *, whole: bool = False) -> Count:
    """How many addresses are subscribed, on any channel; see `storage.counts`."""
    return stored_counts.count_rows(
        session, shop_id, stored_counts.SUBSCRIBERS, _subscribed(shop_id), whole=whole
    )


def count_new(session: Session, shop_id: int, since: datetime, until: datetime) -> int:
    """How many addresses, on any channel, subscribed between two moments and still are."""
    new = _subscribed(shop_id).where(
        col(Consent.changed_at) >= since, col(Consent.changed_at) < until
    )
    found = session.connection().execute(columns(func.count()).select_from(new.subquery()))
    return int(found.scalar_one())


def _subscribed(shop_id: int) -> Select[Any]:
    return columns(col(Consent.address)).where(
        col(Consent.shop_id) == shop_id,
        col(Consent.state) == ConsentState.SUBSCRIBED,
        col(Consent.purpose) == ConsentPurpose.MARKETING,
    )
