"""What each shopper allowed, for each address and channel, and the proof of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, and_, func, or_, update
from sqlmodel import Field, Session, SQLModel, col, select

from storage import db, privacy, write_backs
from storage.types import big, moment, row_key, shop_key

SUBSCRIBED, UNSUBSCRIBED = "subscribed", "unsubscribed"
SAID = (SUBSCRIBED, UNSUBSCRIBED)
STOREFRONT = "storefront"  # the source of what it told us itself
BOUNCED = "bounced"  # the mailbox does not exist; whoever gives the address anew replaces it


class Consent(SQLModel, table=True):
    """The state of one address on one channel. It follows from the ledger: the latest wins."""

    __table_args__ = (Index("consent_state", "shop_id", "state", "changed_at"),)

    shop_id: int = shop_key()
    channel: str = Field(primary_key=True, description="email, sms, …")
    address: str = Field(primary_key=True, description="this email, this phone in E.164")
    state: str
    changed_at: datetime = moment()


class ConsentEvent(SQLModel, table=True):
    """One entry of the ledger, never changed: who said what, where, in answer to which words."""

    __tablename__ = "consent_event"
    __table_args__ = (
        Index("consent_event_address", "shop_id", "channel", "address"),
        Index("consent_event_key", "shop_id", "unique_key", unique=True),
        Index("consent_event_profile", "shop_id", "profile_id"),
    )

    shop_id: int = shop_key()
    id: int = row_key()
    unique_key: str
    channel: str
    address: str
    state: str
    occurred_at: datetime = moment()
    recorded_at: datetime = moment()
    source: str = Field(description="form, storefront, one-click, link, merchant")
    profile_id: int | None = big(nullable=True, default=None)
    words: str = Field(default="", description="the exact words that were shown")
    form_id: int | None = big(nullable=True, default=None)
    form_version: int | None = None
    page: str = ""
    ip: str = ""
    user_agent: str = ""
    legal_basis: str = "consent"


def record(session: Session, events: Sequence[dict[str, Any]]) -> None:
    """Add entries to the ledger, once each by `unique_key`, and let the state follow.

    The latest moment wins; at the same moment `unsubscribed` does (a stop is never lost to a tie).
    An address that asked to be forgotten stays suppressed until its owner says yes herself.

    What was said to us goes back to the storefront; what it says itself does not, and our own
    word coming back from it is no news.
    """
    events = _without_echoes(session, events)
    if not events:
        return
    connection = session.connection()
    connection.execute(db.insert(ConsentEvent).on_conflict_do_nothing(), list(events))
    if not (counts := _heeded(session, events)):
        return
    upsert = db.insert(Consent)
    new, old = upsert.excluded, Consent
    connection.execute(
        upsert.on_conflict_do_update(
            index_elements=["shop_id", "channel", "address"],
            set_={"state": new.state, "changed_at": new.changed_at},
            where=or_(
                new.changed_at > old.changed_at,
                and_(new.changed_at == old.changed_at, new.state == UNSUBSCRIBED),
            ),
        ),
        [
            {
                "shop_id": e["shop_id"],
                "channel": e["channel"],
                "address": e["address"],
                "state": e["state"],
                "changed_at": e["occurred_at"],
            }
            for e in sorted(counts, key=lambda e: e["occurred_at"])
        ],
    )
    _tell_storefront(session, counts)


def _without_echoes(session: Session, events: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Without what the storefront has from us. It keeps whole seconds."""
    known: dict[tuple[int, str], write_backs.WriteBack] = {}
    told = [e for e in events if e["source"] == STOREFRONT]
    for shop_id in {e["shop_id"] for e in told}:
        keys = {_key(e) for e in told if e["shop_id"] == shop_id}
        found = write_backs.by_key(session, shop_id, keys)
        known |= {(shop_id, key): row for key, row in found.items()}

    def is_echo(event: dict[str, Any]) -> bool:
        ours = known.get((event["shop_id"], _key(event)))
        return (
            ours is not None
            and event["source"] == STOREFRONT
            and event["state"] == ours.value
            and event["occurred_at"].replace(microsecond=0) == ours.said_at.replace(microsecond=0)
        )

    return [e for e in events if not is_echo(e)] if known else events


def _tell_storefront(session: Session, events: Sequence[dict[str, Any]]) -> None:
    """A bounce is no word of the shopper's, so it stays here."""
    for shop_id in {e["shop_id"] for e in events}:
        said = [
            {
                "kind": e["channel"],
                "name": e["address"],
                "value": e["state"],
                "profile_id": e.get("profile_id"),
                "said_at": e["occurred_at"],
            }
            for e in events
            if e["shop_id"] == shop_id and e["source"] != STOREFRONT and e["state"] in SAID
        ]
        at = max(e["recorded_at"] for e in events if e["shop_id"] == shop_id)
        write_backs.put(session, shop_id, said, at)


def _key(event: dict[str, Any]) -> str:
    return write_backs.key_of(event["channel"], event["address"], None)


def _heeded(session: Session, events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the entries that change a state."""
    counts = [e for e in events if e["state"] != SUBSCRIBED]
    for shop_id in {e["shop_id"] for e in events}:
        yeses = [e for e in events if e["shop_id"] == shop_id and e["state"] == SUBSCRIBED]
        counts += privacy.heeded(session, shop_id, yeses) if yeses else []
    return counts


def get_consent(session: Session, shop_id: int, channel: str, address: str) -> Consent | None:
    """What one address allowed on one channel; None when it was never asked."""
    # `record` writes past the session, which would answer with what it read before.
    return session.get(Consent, (shop_id, channel, address), populate_existing=True)


def consent_state(session: Session, shop_id: int, channel: str, address: str) -> str | None:
    """`subscribed`, `unsubscribed`, or None when this address was never asked."""
    found = get_consent(session, shop_id, channel, address)
    return None if found is None else found.state


def consents_of(
    session: Session, shop_id: int, addresses: Sequence[tuple[str, str]]
) -> Sequence[Consent]:
    """The states of several (channel, address) pairs."""
    if not addresses:
        return []
    return session.exec(
        select(Consent).where(
            Consent.shop_id == shop_id,
            or_(
                *(and_(col(Consent.channel) == c, col(Consent.address) == a) for c, a in addresses)
            ),
        )
    ).all()


def unheard(session: Session, shop_id: int, entries: Sequence[dict[str, Any]]) -> set[str]:
    """The unique keys of those entries that `record` would take in: neither in the ledger nor our
    own word coming back.
    """
    news = {entry["unique_key"] for entry in _without_echoes(session, entries)}
    known = session.exec(
        select(ConsentEvent.unique_key).where(
            ConsentEvent.shop_id == shop_id, col(ConsentEvent.unique_key).in_(sorted(news))
        )
    )
    return news - set(known)


def ledger_of(
    session: Session, shop_id: int, addresses: Sequence[tuple[str, str]], limit: int = 200
) -> Sequence[ConsentEvent]:
    """The ledger's entries for several (channel, address) pairs, newest first."""
    if not addresses:
        return []
    return session.exec(
        select(ConsentEvent)
        .where(
            ConsentEvent.shop_id == shop_id,
            or_(
                *(
                    and_(col(ConsentEvent.channel) == c, col(ConsentEvent.address) == a)
                    for c, a in addresses
                )
            ),
        )
        .order_by(col(ConsentEvent.occurred_at).desc())
        .limit(limit)
    ).all()


def move_consents(session: Session, shop_id: int, from_id: int, to_id: int) -> None:
    """Let the ledger's entries of one profile show under another; what they say stays."""
    session.connection().execute(
        update(ConsentEvent)
        .where(col(ConsentEvent.shop_id) == shop_id, col(ConsentEvent.profile_id) == from_id)
        .values(profile_id=to_id)
    )


def count_subscribers(
    session: Session, shop_id: int, since: datetime | None = None, until: datetime | None = None
) -> int:
    """How many addresses are subscribed, on any channel; those who said so between two moments."""
    query = select(func.count()).where(Consent.shop_id == shop_id, Consent.state == SUBSCRIBED)
    if since is not None:
        query = query.where(Consent.changed_at >= since)
    if until is not None:
        query = query.where(Consent.changed_at < until)
    return session.exec(query).one()
