"""The inbox: every webhook delivery as it came, until it is digested, and what could not be."""

import contextlib
import sqlite3
import weakref
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import ColumnElement, Index, LargeBinary, PoolProxiedConnection, delete, func, text
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import db, faults
from storage.engine.types import enum_column, moment, shop_key

# Shopify waits five seconds for an answer, and a request may already have waited here for the one
# before it.
BUSY_TIMEOUT_MS = 1_500

FIRST_PRIORITY, LATER_PRIORITY = 0, 1
# Topics that can wait: a store that changes all its prices must not hold up its orders.
LATER_TOPICS = ("products/", "collections/", "inventory_levels/", "variants/", "carts/")


class DeliveryState(StrEnum):
    """`new → done | quarantined`."""

    NEW = "new"
    DONE = "done"
    QUARANTINED = "quarantined"  # it could not be digested


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
    priority: int = Field(default=FIRST_PRIORITY, description="who goes first within the shop")
    api_version: str = ""
    triggered_at: str = Field(default="", description="X-Shopify-Triggered-At, as it came")
    received_at: datetime = moment()
    body: bytes = Field(sa_type=LargeBinary)
    state: DeliveryState = enum_column(DeliveryState, default=DeliveryState.NEW)
    attempts: int = 0
    lease_until: float = 0.0
    error: str = Field(default="", description="why it lies in quarantine, for a person")


class NewDelivery(NamedTuple):
    """A delivery on its way in, in the order of the columns that `add_deliveries` writes."""

    shop_id: int
    webhook_id: str
    topic: str
    api_version: str
    triggered_at: str
    received_at: datetime
    body: bytes


def add_deliveries(arrivals: Sequence[NewDelivery], *, wait_ms: int = BUSY_TIMEOUT_MS) -> int:
    """Store deliveries, once each, in a transaction of their own, which is durable on return; how
    many of them were new.

    While another process writes into SQLite's file we wait for it so long, and raise then.
    Past SQLAlchemy, which costs more than the rows: for each of sixteen 16 µs of CPU instead of 66
    on PostgreSQL, for each of twenty 31 instead of 60 on SQLite (measured).

    Raises:
        PassingFaultError: the database is busy or away; nothing is stored.
    """
    is_sqlite = db.is_sqlite(db.inbox_engine())
    try:
        with contextlib.closing(db.inbox_engine().raw_connection()) as connection:
            if is_sqlite:
                return _keep_in_sqlite(connection, arrivals, wait_ms)
            return _keep_in_postgres(connection, arrivals)
    except (sqlite3.Error, psycopg.Error) as error:
        if not faults.is_passing(error, lost=True):
            raise
        statement = KEEP_IN_SQLITE if is_sqlite else KEEP_IN_POSTGRES
        raise faults.passing_fault(statement, error) from error


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
        if faults.is_out_of_room(error):
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
    """As `add_deliveries`, for an event loop: it is held up by one commit to a local file at most.

    What it raises says only that `add_deliveries` is to be asked, which waits and connects anew.
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
    return await psycopg.AsyncConnection.connect(
        make_conninfo(address, **db.POSTGRES), autocommit=True
    )


def _sqlite_time(at: datetime) -> str:
    """A moment as SQLAlchemy writes it into SQLite."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)  # as a rule it is: 1.5 µs instead of 4
    return utc.replace(tzinfo=None).isoformat(" ", "microseconds")


def priority_of(topic: str) -> int:
    """Whether deliveries of a topic go first within their shop, or later."""
    return LATER_PRIORITY if topic.startswith(LATER_TOPICS) else FIRST_PRIORITY


def shops_before(session: Session, before: datetime, state: DeliveryState) -> list[int]:
    """Shops with something to delete among deliveries in a final state from before a moment: two
    looks at an index for each shop, and one at each delivery that was emptied in quarantine.
    """
    shop, at = col(Delivery.shop_id), col(Delivery.received_at)
    shops = columns(func.min(shop).label("shop_id")).cte("shops", recursive=True)
    after = columns(func.min(shop)).where(shop > shops.c.shop_id).scalar_subquery()
    shops = shops.union_all(columns(after).where(shops.c.shop_id.is_not(None)))
    oldest = (
        columns(at)
        .where(shop == shops.c.shop_id, *settled(state), *_expiring(state))
        .order_by(at)
        .limit(1)
    )
    query = columns(shops.c.shop_id).where(oldest.correlate(shops).scalar_subquery() < before)
    found = db.across_shops(session, query, "the clock enqueues jobs for expired deliveries")
    return list(found.scalars())


def _expiring(state: DeliveryState) -> list[ColumnElement[bool]]:
    """What of a final state goes in time: digested deliveries, and what quarantined ones hold."""
    return [] if state == DeliveryState.DONE else [has_body()]


def has_body() -> ColumnElement[bool]:
    """Return the condition that a delivery was not emptied."""
    return func.length(col(Delivery.body)) > 0


def delete_digested(session: Session, shop_id: int, before: datetime, limit: int) -> int:
    """Delete up to `limit` of a shop's digested deliveries from before a moment; how many."""
    old = (
        columns(col(Delivery.webhook_id))
        .where(
            col(Delivery.shop_id) == shop_id,
            *settled(DeliveryState.DONE),
            col(Delivery.received_at) < before,
        )
        .limit(limit)
    )
    mine = (col(Delivery.shop_id) == shop_id, col(Delivery.webhook_id).in_(old))
    return session.connection().execute(delete(Delivery).where(*mine)).rowcount


def active_topics(
    session: Session, shop_id: int, topics: Iterable[str], since: datetime
) -> set[str]:
    """Return those of some topics with a delivery to a shop since a moment."""
    brought = select(Delivery.topic).where(
        Delivery.shop_id == shop_id,
        Delivery.received_at >= since,
        col(Delivery.topic).in_(sorted(topics)),
    )
    states = (
        *(settled(state) for state in (DeliveryState.DONE, DeliveryState.QUARANTINED)),
        (col(Delivery.state) == DeliveryState.NEW,),
    )
    return {topic for state in states for topic in session.exec(brought.where(*state).distinct())}


def get_delivery(session: Session, shop_id: int, webhook_id: str) -> Delivery | None:
    """One delivery."""
    return session.get(Delivery, (shop_id, webhook_id))


def settled(state: DeliveryState) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the condition that a delivery is in a final state, with a redundant part that lets
    SQLite use the index of these: it does not conclude from "it is done" that it is not new.
    """
    return col(Delivery.state) == state, col(Delivery.state) != DeliveryState.NEW
