"""The inbox: every webhook delivery as it came, until it is digested, and what could not be."""

import contextlib
import random
import sqlite3
import weakref
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import (
    ColumnElement,
    Index,
    LargeBinary,
    PoolProxiedConnection,
    delete,
    func,
    not_,
    or_,
    text,
    update,
)
from sqlalchemy import select as columns
from sqlalchemy.exc import OperationalError
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import bulk, db
from storage.engine.types import moment, shop_key

NEW, DONE, QUARANTINED = "new", "done", "quarantined"
LEASE_S = 15.0  # a digest of 500 takes well under a second; after this another worker may try
# How many are tried together, by how often they were tried before: a delivery that kills its worker
# has few companions the second time and none from the third time on.
BATCH_SIZE_BY_ATTEMPT = (500, 20)
# One worker digests a shop at a time, for its batches wait for one another; yet the leases of one
# that died hold up the rest of its shop for no longer than this.
BUSY_TIMEOUT_S = 3.0
SHOPS_AT_ONCE = 50  # in one batch; the others have theirs in the next

# Shopify waits five seconds for an answer, and a request may already have waited here for the one
# before it.
BUSY_TIMEOUT_MS = 1_500

FIRST, LATER = 0, 1
# Topics that can wait: a store that changes all its prices must not hold up its orders.
LATER_TOPICS = ("products/", "collections/", "inventory_levels/", "variants/", "carts/")


class Delivery(SQLModel, table=True):
    """One webhook delivery, raw. Its key is the storefront's own, so a redelivery is a no-op."""

    __table_args__ = (
        Index("delivery_new", "shop_id", "priority", "lease_until",
              postgresql_where=text("state = 'new'"), sqlite_where=text("state = 'new'")),
        # Not of the new: an arrival's commit is a third cheaper with one index less to write.
        Index("delivery_settled", "shop_id", "state", "received_at",
              postgresql_where=text("state <> 'new'"), sqlite_where=text("state <> 'new'")),
    )  # fmt: skip

    shop_id: int = shop_key()
    webhook_id: str = Field(primary_key=True, description="X-Shopify-Webhook-Id")
    topic: str
    priority: int = Field(default=FIRST, description="who goes first within the shop")
    api_version: str = ""
    triggered_at: str = Field(default="", description="X-Shopify-Triggered-At, as it came")
    received_at: datetime = moment()
    body: bytes = Field(sa_type=LargeBinary)
    state: str = NEW
    attempts: int = 0
    lease_until: float = 0.0
    error: str = Field(default="", description="why it lies in quarantine, for a person")


class NewDelivery(NamedTuple):
    """A delivery on its way in, in the order of the columns that `keep` writes."""

    shop_id: int
    webhook_id: str
    topic: str
    api_version: str
    triggered_at: str
    received_at: datetime
    body: bytes


class ClaimedDelivery(NamedTuple):
    """A delivery leased to a worker that digests it."""

    shop_id: int
    webhook_id: str
    topic: str
    triggered_at: str
    attempts: int
    body: bytes


LEASED = tuple(db.table_of(Delivery).c[name] for name in ClaimedDelivery._fields)


def add_deliveries(arrivals: Sequence[NewDelivery], *, wait_ms: int = BUSY_TIMEOUT_MS) -> int:
    """Store deliveries, once each, in a transaction of their own, which is durable on return; how
    many of them were new.

    While another process writes into SQLite's file we wait for it so long, and raise then.
    Past SQLAlchemy, which costs more than the rows: for each of sixteen 16 µs of CPU instead of 66
    on PostgreSQL, for each of twenty 31 instead of 60 on SQLite (measured).

    Raises:
        OperationalError: the database is busy or away; nothing is stored.
    """
    is_sqlite = db.is_sqlite(db.inbox_engine())
    try:
        with contextlib.closing(db.inbox_engine().raw_connection()) as connection:
            if is_sqlite:
                return _keep_in_sqlite(connection, arrivals, wait_ms)
            return _keep_in_postgres(connection, arrivals)
    except UNAVAILABLE_ERRORS as error:
        statement = KEEP_IN_SQLITE if is_sqlite else KEEP_IN_POSTGRES
        raise OperationalError(statement, None, error) from error


# As the drivers say it; SQLAlchemy is not there to put it in its own words.
UNAVAILABLE_ERRORS = (sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError)
COLUMNS = """
(shop_id, webhook_id, topic, api_version, triggered_at, received_at, body,
 priority, state, attempts, lease_until, error)
"""
KEEP_IN_SQLITE = f"""
INSERT INTO delivery {COLUMNS}
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'new', 0, 0.0, '')
ON CONFLICT DO NOTHING
"""
# One statement for a whole group, with one value a column: an executemany costs three times that.
KEEP_IN_POSTGRES = f"""
INSERT INTO delivery {COLUMNS}
SELECT *, 'new', 0, 0.0, '' FROM unnest(
    %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[],
    %b::timestamptz[], %b::bytea[], %b::int[]
)
ON CONFLICT DO NOTHING
"""


def _keep_in_sqlite(
    connection: PoolProxiedConnection, arrivals: Sequence[NewDelivery], wait_ms: int
) -> int:
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout={wait_ms}")
        cursor.execute("BEGIN IMMEDIATE")
        cursor.executemany(
            KEEP_IN_SQLITE,
            [
                (*a[:-2], _sqlite_time(a.received_at), a.body, priority_of(a.topic))
                for a in arrivals
            ],
        )
        new = cursor.rowcount
        cursor.execute("COMMIT")
    except sqlite3.Error as error:
        if db.is_conflict(error):
            with contextlib.suppress(sqlite3.Error):
                connection.rollback()
            connection.invalidate()
        raise
    finally:
        if connection.is_valid:
            cursor.execute(f"PRAGMA busy_timeout={db.BUSY_TIMEOUT_MS}")
    return new


def _keep_in_postgres(connection: PoolProxiedConnection, arrivals: Sequence[NewDelivery]) -> int:
    driver: Any = connection.driver_connection
    try:
        driver.autocommit = True  # once to the server and back instead of three times
        return int(driver.execute(KEEP_IN_POSTGRES, _by_column(arrivals)).rowcount)
    finally:
        if driver.closed:
            connection.invalidate()
        else:
            driver.autocommit = False


def _by_column(arrivals: Sequence[NewDelivery]) -> list[list[Any]]:
    turns = [priority_of(arrival.topic) for arrival in arrivals]
    return [*([*column] for column in zip(*arrivals, strict=True)), turns]


def async_writer() -> Callable[[Sequence[NewDelivery]], Awaitable[None]]:
    """As `keep`, for an event loop: it holds the loop up for a commit to a local file at the most.

    What it raises says only that `keep` is to be asked, which waits and connects anew.
    """
    return _keep_at_once if db.is_sqlite(db.inbox_engine()) else AsyncInboxWriter().write


async def _keep_at_once(arrivals: Sequence[NewDelivery]) -> None:
    add_deliveries(arrivals, wait_ms=0)


class AsyncInboxWriter:
    """A connection to PostgreSQL that an event loop keeps for itself.

    Out of a thread a delivery costs half as much again, since loop and thread fight for the
    interpreter (measured at 32 connections: 180 µs of CPU instead of 115 to 132).
    """

    def __init__(self) -> None:
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def write(self, arrivals: Sequence[NewDelivery]) -> None:
        """Store deliveries, once each, durable on return; one call at a time."""
        connection, self._connection = self._connection, None
        if connection is None:
            connection = await _connect()
            weakref.finalize(self, connection.pgconn.finish)
        try:
            await connection.execute(KEEP_IN_POSTGRES, _by_column(arrivals))
        except BaseException:
            await connection.close()
            raise
        self._connection = connection


async def _connect() -> psycopg.AsyncConnection[Any]:
    url = db.inbox_engine().url.set(drivername="postgresql")
    address = url.render_as_string(hide_password=False)
    return await psycopg.AsyncConnection.connect(address, autocommit=True, **db.POSTGRES)


def _sqlite_time(at: datetime) -> str:
    """A moment as SQLAlchemy writes it into SQLite."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)  # as a rule it is: 1.5 µs instead of 4
    return utc.replace(tzinfo=None).isoformat(" ", "microseconds")


def priority_of(topic: str) -> int:
    """Whether deliveries of a topic go first within their shop, or later."""
    return LATER if topic.startswith(LATER_TOPICS) else FIRST


def claim_deliveries(session: Session) -> list[ClaimedDelivery]:
    """Lease some undigested deliveries to the caller, of as many shops as wait, each its share.

    Whatever one shop sends, the others wait for one batch at the most. Shops that another worker
    is at are left to it.
    """
    now = db.database_time(session)
    shops = _shops_waiting(session, now)
    random.shuffle(shops)
    rows: list[ClaimedDelivery] = []
    for place, shop_id in enumerate(shops[:SHOPS_AT_ONCE]):
        left = min(len(shops), SHOPS_AT_ONCE) - place
        share = -(-(BATCH_SIZE_BY_ATTEMPT[0] - len(rows)) // left)
        rows += _claim_of(session, shop_id, share, now)
    return rows


def _shops_waiting(session: Session, now: float) -> list[int]:
    """Return the shops that have undigested deliveries and none leased.

    One index lookup a shop, however many deliveries wait: a loose index scan
    (wiki.postgresql.org/wiki/Loose_indexscan).
    """
    new, shop = col(Delivery.state) == NEW, col(Delivery.shop_id)
    first = columns(func.min(shop).label("shop_id")).where(new)
    shops = first.cte("shops", recursive=True)
    after = columns(func.min(shop)).where(new, shop > shops.c.shop_id).scalar_subquery()
    shops = shops.union_all(columns(after).where(shops.c.shop_id.is_not(None)))

    def has(turn: int, *leases: Any) -> Any:
        mine = (shop == shops.c.shop_id, new, col(Delivery.priority) == turn)
        return columns(1).select_from(Delivery).where(*mine, *leases).exists()

    waits = [has(turn, Delivery.lease_until < now) for turn in (FIRST, LATER)]
    busy = [
        has(turn, Delivery.lease_until > now + LEASE_S - BUSY_TIMEOUT_S) for turn in (FIRST, LATER)
    ]
    query = columns(shops.c.shop_id).where(or_(*waits), not_(or_(*busy)))
    found = db.across_shops(session, query, "the inbox is digested for all shops in turn")
    return list(found.scalars())


def _claim_of(session: Session, shop_id: int, limit: int, now: float) -> list[ClaimedDelivery]:
    """Lease up to `limit` deliveries of one shop.

    Attempts are counted here, before the work, so that a delivery which kills its worker is
    counted too. Deliveries are leased together only with others that were tried as often.
    """
    due = session.exec(
        select(Delivery.webhook_id, Delivery.attempts)
        .where(Delivery.shop_id == shop_id, Delivery.state == NEW, Delivery.lease_until < now)
        .order_by(col(Delivery.priority), col(Delivery.lease_until))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not due:
        return []
    tried = due[0][1]
    most = BATCH_SIZE_BY_ATTEMPT[tried] if tried < len(BATCH_SIZE_BY_ATTEMPT) else 1
    alike = [webhook_id for webhook_id, attempts in due if attempts == tried][:most]
    leased = session.connection().execute(
        update(Delivery)
        .where(col(Delivery.shop_id) == shop_id, bulk.is_among(col(Delivery.webhook_id), alike))
        .values(lease_until=now + LEASE_S, attempts=Delivery.attempts + 1)
        .returning(*LEASED)
    )
    return [ClaimedDelivery(*row) for row in leased]


def refund_attempts(session: Session, shop_id: int, webhook_ids: Sequence[str]) -> None:
    """Take back that undigested deliveries were tried; their lease stays."""
    session.connection().execute(
        update(Delivery)
        .where(
            col(Delivery.shop_id) == shop_id, bulk.is_among(col(Delivery.webhook_id), webhook_ids)
        )
        .where(col(Delivery.state) == NEW, col(Delivery.attempts) > 0)
        .values(attempts=Delivery.attempts - 1)
    )


def settle_deliveries(
    session: Session, shop_id: int, webhook_ids: Sequence[str], state: str, error: str = ""
) -> None:
    """Mark deliveries as digested, or put them in quarantine with the reason."""
    session.connection().execute(
        update(Delivery)
        .where(
            col(Delivery.shop_id) == shop_id, bulk.is_among(col(Delivery.webhook_id), webhook_ids)
        )
        .values(state=state, error=error[:500])
    )


def offer_again(session: Session, shop_id: int, webhook_id: str) -> None:
    """Take a delivery out of quarantine and digest it once more."""
    session.connection().execute(
        update(Delivery)
        .where(col(Delivery.shop_id) == shop_id, col(Delivery.webhook_id) == webhook_id)
        .where(col(Delivery.state) == QUARANTINED)
        .values(state=NEW, error="", attempts=0, lease_until=0.0)
    )


def shops_before(session: Session, before: datetime) -> list[int]:
    """Shops with a digested delivery from before a moment: two looks at an index for each shop."""
    shop, at = col(Delivery.shop_id), col(Delivery.received_at)
    shops = columns(func.min(shop).label("shop_id")).cte("shops", recursive=True)
    after = columns(func.min(shop)).where(shop > shops.c.shop_id).scalar_subquery()
    shops = shops.union_all(columns(after).where(shops.c.shop_id.is_not(None)))
    oldest = columns(at).where(shop == shops.c.shop_id, *_settled(DONE)).order_by(at).limit(1)
    query = columns(shops.c.shop_id).where(oldest.correlate(shops).scalar_subquery() < before)
    found = db.across_shops(session, query, "the clock enqueues jobs for expired deliveries")
    return list(found.scalars())


def delete_digested(session: Session, shop_id: int, before: datetime, limit: int) -> int:
    """Delete up to `limit` of a shop's digested deliveries from before a moment; how many."""
    old = (
        columns(col(Delivery.webhook_id))
        .where(
            col(Delivery.shop_id) == shop_id,
            *_settled(DONE),
            col(Delivery.received_at) < before,
        )
        .limit(limit)
    )
    mine = (col(Delivery.shop_id) == shop_id, col(Delivery.webhook_id).in_(old))
    return session.connection().execute(delete(Delivery).where(*mine)).rowcount


def has_due(session: Session) -> bool:
    """Whether any delivery is ready to be digested."""
    query = (
        select(Delivery.webhook_id)
        .where(Delivery.state == NEW, Delivery.lease_until < db.database_time(session))
        .limit(1)
    )
    return bool(
        db.across_shops(session, query, "the clock looks for undigested deliveries").first()
    )


def has_undigested_before(session: Session, shop_id: int, moment: datetime) -> bool:
    """Whether any of a shop's deliveries of before a moment is still to be digested."""
    query = (
        select(Delivery.webhook_id)
        .where(Delivery.shop_id == shop_id, Delivery.state == NEW, Delivery.received_at < moment)
        .limit(1)
    )
    return session.exec(query).first() is not None


def active_topics(
    session: Session, shop_id: int, topics: Iterable[str], since: datetime
) -> set[str]:
    """Those of some topics that brought a shop anything since a moment."""
    brought = select(Delivery.topic).where(
        Delivery.shop_id == shop_id,
        Delivery.received_at >= since,
        col(Delivery.topic).in_(sorted(topics)),
    )
    states = (*(_settled(state) for state in (DONE, QUARANTINED)), (col(Delivery.state) == NEW,))
    return {topic for state in states for topic in session.exec(brought.where(*state).distinct())}


def quarantined(session: Session, shop_id: int, limit: int = 100) -> Sequence[Delivery]:
    """A shop's deliveries that could not be digested, newest first."""
    return session.exec(
        select(Delivery)
        .where(Delivery.shop_id == shop_id, *_settled(QUARANTINED))
        .order_by(col(Delivery.received_at).desc())
        .limit(limit)
    ).all()


def get_delivery(session: Session, shop_id: int, webhook_id: str) -> Delivery | None:
    """One delivery."""
    return session.get(Delivery, (shop_id, webhook_id))


def count_quarantined(session: Session, shop_id: int) -> int:
    """How many of a shop's deliveries could not be digested."""
    return session.exec(
        select(func.count()).where(Delivery.shop_id == shop_id, *_settled(QUARANTINED))
    ).one()


def _settled(state: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """That a delivery is in a state that ends it, said so that SQLite sees which index has these:
    it does not conclude from "it is done" that it is not new.
    """
    return col(Delivery.state) == state, col(Delivery.state) != NEW
