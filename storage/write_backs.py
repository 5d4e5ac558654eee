"""Write-backs: what Shopify's customers should hold by facts reported to us, until they do.

One row a thing (a consent for an address, a tag, a metafield): the newest value replaces the one
before, written or not. What Shopify itself reported is never put here.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

from sqlalchemy import Index, and_, bindparam, delete, func, or_, text, update
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage import counts
from storage.channels import Channel
from storage.counts import Count
from storage.engine import bulk, db, leases
from storage.engine.ids import new_id
from storage.engine.types import big, enum_column, moment, origin, row_key, shop_key
from storage.shops import Shop

ON, OFF = "on", "off"  # of a tag
MAX_SHOWN = 20


class WriteBackKind(StrEnum):
    """What is written; for a consent the kind is its channel."""

    TAG = "tag"
    METAFIELD = "metafield"


class WriteBackState(StrEnum):
    """`due → done | failed`, or `waiting → due`."""

    DUE = "due"
    DONE = "done"
    WAITING = "waiting"  # until the profile is a customer of the storefront's
    FAILED = "failed"  # the storefront refused it for good


class WriteBack(SQLModel, table=True):
    """One thing to bring to a customer of the storefront's.

    It is due until it is there. It waits while there is no such customer, and has failed when the
    storefront refused it for good.
    """

    __tablename__ = "write_back"
    __table_args__ = (
        Index("write_back_key", "shop_id", "dedupe_key", unique=True),
        Index("write_back_due", "due_at", postgresql_where=text("state = 'due'"),
              sqlite_where=text("state = 'due'")),
        Index("write_back_profile", "shop_id", "profile_id"),
        Index("write_back_waiting", "shop_id", postgresql_where=text("state = 'waiting'"),
              sqlite_where=text("state = 'waiting'")),
        Index("write_back_troubled", "shop_id", "requested_at",
              postgresql_where=text("error != ''"),
              sqlite_where=text("error != ''")),
    )  # fmt: skip

    shop_id: int = shop_key()
    id: int = row_key()
    dedupe_key: str = Field(description="email:ana@example.com, tag:<profile>:vip")
    kind: WriteBackKind | Channel = enum_column(WriteBackKind, Channel)
    name: str = Field(description="the address, the tag, the metafield's key")
    value: str = Field(description="the consent's state, on or off, the metafield's value")
    profile_id: int | None = big(nullable=True, default=None)
    source_profile_id: int | None = origin()
    requested_at: datetime = moment()
    state: WriteBackState = enum_column(WriteBackState, default=WriteBackState.DUE)
    due_at: datetime = moment()
    lease_until: float = 0.0
    attempts: int = 0
    error: str = Field(default="", description="the storefront's words, for the merchant")


class RequestedWriteBack(TypedDict):
    """What `save_write_backs` writes; the others of the columns follow from it."""

    kind: WriteBackKind | Channel
    name: str
    value: str
    profile_id: int | None
    source_profile_id: NotRequired[int | None]
    requested_at: datetime


def key_of(kind: str, name: str, profile_id: int | None) -> str:
    """Return the key of a write-back: an address has one consent, a profile its tags and
    metafields.
    """
    return (
        f"{kind}:{profile_id}:{name}"
        if kind in (WriteBackKind.TAG, WriteBackKind.METAFIELD)
        else f"{kind}:{name}"
    )


def save_write_backs(
    session: Session, shop_id: int, requested: Iterable[RequestedWriteBack], now: datetime
) -> None:
    """Let the storefront know: rows of kind, name, value, profile_id, requested_at;
    with source_profile_id where it is a profile's.

    The latest word on a thing wins; at the same moment the greater value does (`unsubscribed`).
    """
    newest: dict[str, RequestedWriteBack] = {}
    for row in sorted(requested, key=lambda row: (row["requested_at"], row["value"])):
        newest[key_of(row["kind"], row["name"], row["profile_id"])] = row
    if not newest:
        return
    upsert = db.insert(WriteBack)
    new, old = upsert.excluded, WriteBack
    fresh = {
        "state": WriteBackState.DUE,
        "due_at": now,
        "lease_until": 0.0,
        "attempts": 0,
        "error": "",
    }
    session.connection().execute(
        upsert.on_conflict_do_update(
            index_elements=["shop_id", "dedupe_key"],
            set_={
                "value": new.value,
                "requested_at": new.requested_at,
                "profile_id": func.coalesce(new.profile_id, old.profile_id),
                "source_profile_id": new.source_profile_id,
                **fresh,
            },
            where=or_(
                new.requested_at > old.requested_at,
                and_(new.requested_at == old.requested_at, new.value > old.value),
            ),
        ),
        [
            {"shop_id": shop_id, "id": new_id(), "dedupe_key": key, **row, **fresh}
            for key, row in newest.items()
        ],
    )


def by_key(session: Session, shop_id: int, keys: Collection[str]) -> dict[str, WriteBack]:
    """What is to be written, or was, of these things."""
    if not keys:
        return {}
    rows = session.exec(
        select(WriteBack).where(
            WriteBack.shop_id == shop_id, col(WriteBack.dedupe_key).in_(sorted(keys))
        )
    )
    return {row.dedupe_key: row for row in rows}


def due_shops(session: Session, now: datetime) -> list[int]:
    """Return installed shops with customers that a write-back is due for."""
    theirs = select(WriteBack.shop_id).where(
        WriteBack.state == WriteBackState.DUE,
        WriteBack.due_at <= now,
        leases.is_over(WriteBack.lease_until, db.database_time(session)),
    )
    query = select(Shop.id).where(col(Shop.uninstalled_at).is_(None), col(Shop.id).in_(theirs))
    rows = db.across_shops(session, query, "the clock enqueues write-backs")
    return [row[0] for row in rows]


def claim_write_backs(
    session: Session, shop_id: int, now: datetime, limit: int, *, seconds: float
) -> Sequence[WriteBack]:
    """Lease some of a shop's due rows, the longest waiting first; by the database's own time.

    Those that a worker held before and did not settle come last: one of them may be what ended it.
    """
    clock = db.database_time(session)
    rows = session.exec(
        select(WriteBack)
        .where(
            WriteBack.shop_id == shop_id,
            WriteBack.state == WriteBackState.DUE,
            WriteBack.due_at <= now,
            leases.is_over(WriteBack.lease_until, clock),
        )
        .order_by(col(WriteBack.lease_until), col(WriteBack.due_at), col(WriteBack.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.lease_until = clock + seconds
    return rows


def settle_write_back(session: Session, held: WriteBack, **fields: Any) -> None:
    """Say how it went, unless a newer word came meanwhile: that one is still to be written."""
    session.connection().execute(
        update(WriteBack)
        .where(
            col(WriteBack.shop_id) == held.shop_id,
            col(WriteBack.id) == held.id,
            col(WriteBack.requested_at) == held.requested_at,
            col(WriteBack.value) == held.value,
        )
        .values(lease_until=0.0, **fields)
    )


def has_due(session: Session, shop_id: int) -> bool:
    """Return whether any write-back waits until a shopper becomes a customer."""
    return session.exec(_WAITING, params={"of_shop": shop_id}).first() is not None


_WAITING = (  # asked with each batch of facts
    select(WriteBack.id)
    .where(WriteBack.shop_id == bindparam("of_shop"), WriteBack.state == WriteBackState.WAITING)
    .limit(1)
)


def make_due(
    session: Session,
    shop_id: int,
    addresses: Iterable[tuple[str, str]],
    profile_ids: Iterable[int],
    *,
    now: datetime,
) -> None:
    """Look again at what waits for customers with these (channel, address) or these profiles."""
    keys = {key_of(channel, address, None) for channel, address in addresses}
    session.connection().execute(
        update(WriteBack)
        .where(
            col(WriteBack.shop_id) == shop_id,
            col(WriteBack.state) == WriteBackState.WAITING,
            or_(
                bulk.is_among(col(WriteBack.dedupe_key), keys),
                bulk.is_among(col(WriteBack.profile_id), set(profile_ids)),
            ),
        )
        .values(state=WriteBackState.DUE, due_at=now)
    )


def delete_write_backs(
    session: Session, shop_id: int, addresses: Iterable[tuple[str, str]]
) -> None:
    """Let go of the consents for some (channel, address), written or not."""
    keys = sorted({key_of(channel, address, None) for channel, address in addresses})
    session.connection().execute(
        delete(WriteBack).where(
            col(WriteBack.shop_id) == shop_id, col(WriteBack.dedupe_key).in_(keys)
        )
    )


def retry_failed(session: Session, shop_id: int, now: datetime) -> None:
    """Make due what failed, and what is put off."""
    session.connection().execute(
        update(WriteBack)
        .where(col(WriteBack.shop_id) == shop_id, col(WriteBack.error) != "")
        .values(state=WriteBackState.DUE, due_at=now, attempts=0)
    )


def failed_write_backs(session: Session, shop_id: int) -> tuple[Count, Sequence[WriteBack]]:
    """How many things the storefront does not take, and the newest of them."""
    where = (col(WriteBack.shop_id) == shop_id, col(WriteBack.error) != "")
    count = counts.count_up_to(session, columns(col(WriteBack.id)).where(*where))
    shown = select(WriteBack).where(*where).order_by(col(WriteBack.requested_at).desc())
    return count, session.exec(shown.limit(MAX_SHOWN)).all() if count else []
