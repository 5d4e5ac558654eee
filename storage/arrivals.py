"""Arrivals: every webhook as it came, written at the door, before anything else is done with it."""

import contextlib
import sqlite3
import weakref
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    PoolProxiedConnection,
    delete,
    func,
    literal_column,
    text,
    update,
)
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import bulk, db, faults
from storage.engine.row_security import ALL_SHOPS, SETTING
from storage.engine.types import arrival_key, big, moment

# Shopify waits five seconds for an answer, and a request may already have waited here for the one
# before it.
BUSY_TIMEOUT_MS = 1_500

FIRST_PRIORITY, LATER_PRIORITY = 0, 1
# Topics that can wait: a store that changes all its prices must not hold up its orders.
LATER_TOPICS = ("products/", "collections/", "inventory_levels/", "variants/", "carts/")


class Arrival(SQLModel, table=True):
    """A webhook as it came. It is written behind all others and never rewritten, only emptied."""

    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int = arrival_key(primary_key=True)
    shop_id: int = big()
    webhook_id: str = Field(description="X-Shopify-Webhook-Id")
    topic: str
    api_version: str = ""
    triggered_at: str = Field(default="", description="X-Shopify-Triggered-At, as it came")
    received_at: datetime = moment()
    body: bytes = Field(sa_type=LargeBinary)
    priority: int = Field(default=FIRST_PRIORITY, description="who goes first within the shop")


class InboxPosition(SQLModel, table=True):
    """The last arrival that has its delivery; one row, of SQLite alone (`take_in_arrivals`)."""

    __tablename__ = "inbox_position"

    arrival_id: int = arrival_key(primary_key=True)


class NewDelivery(NamedTuple):
    """A delivery on its way in, in the order of the columns that `add_deliveries` writes."""

    shop_id: int
    webhook_id: str
    topic: str
    api_version: str
    triggered_at: str
    received_at: datetime
    body: bytes


def add_deliveries(arrivals: Sequence[NewDelivery], *, wait_ms: int = BUSY_TIMEOUT_MS) -> None:
    """Store deliveries in a transaction of their own, which is durable on return. One that came
    before counts once: PostgreSQL leaves it out here, SQLite in `take_in_arrivals`.

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
                _keep_in_sqlite(connection, arrivals, wait_ms)
            else:
                _keep_in_postgres(connection, arrivals)
    except (sqlite3.Error, psycopg.Error) as error:
        if not faults.is_passing(error, lost=True):
            raise
        statement = KEEP_IN_SQLITE if is_sqlite else KEEP_IN_POSTGRES
        raise faults.passing_fault(statement, error) from error


# A row behind the last one dirties half a page. With its key in an index and its state beside the
# body, each arrival would dirty three, and each change of its state would write the body again.
KEEP_IN_SQLITE = """
INSERT INTO arrival
(shop_id, webhook_id, topic, api_version, triggered_at, received_at, body, priority)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
# One statement for a whole group, with one value a column: an executemany costs three times that.
# The group is of many shops, as its transaction says by itself: it is this statement alone.
KEEP_IN_POSTGRES = f"""
WITH given AS (
    SELECT nextval('arrival_id_seq') AS id, given.* FROM unnest(
        %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[],
        %b::timestamptz[], %b::bytea[], %b::int[]
    ) AS given
    (shop_id, webhook_id, topic, api_version, triggered_at, received_at, body, priority)
    WHERE set_config('{SETTING}', '{ALL_SHOPS}', true) = '{ALL_SHOPS}'
), kept AS (
    INSERT INTO delivery
    (shop_id, webhook_id, arrival_id, topic, priority, received_at,
     state, attempts, lease_until, error)
    SELECT shop_id, webhook_id, id, topic, priority, received_at, 'new', 0, 0.0, '' FROM given
    ON CONFLICT DO NOTHING
    RETURNING arrival_id
)
INSERT INTO arrival
(id, shop_id, webhook_id, topic, api_version, triggered_at, received_at, body, priority)
SELECT given.* FROM given JOIN kept ON given.id = kept.arrival_id
"""


def _keep_in_sqlite(
    connection: PoolProxiedConnection, arrivals: Sequence[NewDelivery], wait_ms: int
) -> None:
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


def _keep_in_postgres(connection: PoolProxiedConnection, arrivals: Sequence[NewDelivery]) -> None:
    driver: Any = connection.driver_connection
    try:
        driver.autocommit = True  # once to the server and back instead of three times
        driver.execute(KEEP_IN_POSTGRES, _by_column(arrivals))
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
    return await psycopg.AsyncConnection.connect(address, autocommit=True, **db.postgres_options())


def _sqlite_time(at: datetime) -> str:
    """A moment as SQLAlchemy writes it into SQLite."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)  # as a rule it is: 1.5 µs instead of 4
    return utc.replace(tzinfo=None).isoformat(" ", "microseconds")


def priority_of(topic: str) -> int:
    """Whether deliveries of a topic go first within their shop, or later."""
    return LATER_PRIORITY if topic.startswith(LATER_TOPICS) else FIRST_PRIORITY


POSITION = "coalesce((SELECT max(arrival_id) FROM inbox_position), 0)"
UNTAKEN = f"SELECT id FROM arrival WHERE id > {POSITION} ORDER BY id LIMIT :limit"
FIRST_UNTAKEN = f"SELECT received_at FROM arrival WHERE id > {POSITION} ORDER BY id LIMIT 1"
SPAN = f"""
SELECT {POSITION} AS first, max(id) AS last, count(*) AS arrived FROM ({UNTAKEN})
"""
TAKE_IN = """
INSERT INTO delivery
(shop_id, webhook_id, arrival_id, topic, priority, received_at, state, attempts, lease_until, error)
SELECT shop_id, webhook_id, id, topic, priority, received_at, 'new', 0, 0.0, ''
FROM arrival WHERE id > :first AND id <= :last
ON CONFLICT DO NOTHING
"""
DROP_REPEATED = """
DELETE FROM arrival WHERE id > :first AND id <= :last AND NOT EXISTS (
    SELECT 1 FROM delivery WHERE delivery.shop_id = arrival.shop_id
    AND delivery.webhook_id = arrival.webhook_id AND delivery.arrival_id = arrival.id
)
"""


TAKEN_IN_AT_ONCE = 5_000  # arrivals; ten times what a digest's batch can hold
# Of all of a group commit: it ends, or fails, so long after its first delivery came.
OUT_OF_ORDER_S = 5.0


def take_in_arrivals(session: Session, limit: int | None = None) -> bool:
    """Give some arrivals their deliveries, the first come first, and drop those that came before;
    whether more may wait.

    On SQLite, where the door only writes down what came; PostgreSQL's does both. It is the inbox's
    only writer meanwhile: what is more than `TAKEN_IN_AT_ONCE` is for another transaction.
    """
    if session.get_bind().dialect.name != "sqlite":
        return False
    most = TAKEN_IN_AT_ONCE if limit is None else limit
    span = _run(session, SPAN, limit=most).one()
    if span.last is None:
        return False
    taken_in = _run(session, TAKE_IN, **span._mapping).rowcount
    if taken_in < span.arrived:
        _run(session, DROP_REPEATED, **span._mapping)
    _run(session, "DELETE FROM inbox_position")
    _run(session, "INSERT INTO inbox_position (arrival_id) VALUES (:last)", last=span.last)
    return bool(span.arrived == most)


def take_in_all_arrivals() -> None:
    """Give all arrivals their deliveries, in turn with the webhooks that come in: some in each of
    several transactions of its own.
    """
    more = True
    while more:
        with db.inbox_transaction() as session:
            more = take_in_arrivals(session)


def _run(session: Session, sql: str, **params: Any) -> Any:
    return db.across_shops(
        session, text(sql), "the inbox is digested for all shops in turn", params
    )


def has_untaken(session: Session) -> bool:
    """Whether any arrival has no delivery yet."""
    return session.get_bind().dialect.name == "sqlite" and (
        _run(session, UNTAKEN, limit=1).first() is not None
    )


def count_untaken(session: Session, limit: int) -> tuple[int, datetime | None]:
    """How many arrivals have no delivery yet, up to a limit, and when the first of them came."""
    if session.get_bind().dialect.name != "sqlite":
        return 0, None
    came = columns(col(Arrival.received_at)).where(col(Arrival.id) > literal_column(POSITION))
    some = came.order_by(col(Arrival.id)).limit(limit).subquery()
    query = columns(func.count(), func.min(some.c.received_at))
    count, first = db.across_shops(session, query, "how far the digest is behind").one()
    return count, first


def has_untaken_before(session: Session, moment: datetime) -> bool:
    """Whether an arrival of before a moment, of any shop, may have no delivery yet.

    By a look at the first that has none: those behind it came no earlier than `OUT_OF_ORDER_S`
    before it. There is no index by shop, which each arrival would have to write.
    """
    if session.get_bind().dialect.name != "sqlite":
        return False
    first = _run(session, FIRST_UNTAKEN).scalar()
    latest = moment + timedelta(seconds=OUT_OF_ORDER_S)
    return first is not None and first < _sqlite_time(latest)


def get_arrivals(session: Session, shop_id: int, ids: Sequence[int]) -> dict[int, Any]:
    """Some webhooks as they came, by id: triggered_at, body."""
    query = columns(col(Arrival.id), col(Arrival.triggered_at), col(Arrival.body))
    found = session.connection().execute(query.where(*_those(shop_id, ids)))
    return {row.id: row for row in found}


def get_body(session: Session, shop_id: int, arrival_id: int) -> bytes:
    """What a webhook said, as it came."""
    return session.exec(select(Arrival.body).where(*_those(shop_id, [arrival_id]))).one()


def filled_among(session: Session, shop_id: int, ids: Sequence[int]) -> set[int]:
    """Those of some arrivals that were not emptied."""
    query = select(Arrival.id).where(*_those(shop_id, ids), func.length(col(Arrival.body)) > 0)
    return set(session.exec(query))


def empty_arrivals(session: Session, shop_id: int, arrival_ids: Sequence[int]) -> None:
    """Forget what some webhooks said; that they came stays, so that each counts once."""
    session.connection().execute(
        update(Arrival).where(*_those(shop_id, arrival_ids)).values(body=b"")
    )


def delete_arrivals(session: Session, shop_id: int, arrival_ids: Sequence[int]) -> None:
    """Delete some webhooks."""
    session.connection().execute(delete(Arrival).where(*_those(shop_id, arrival_ids)))


def _those(shop_id: int, arrival_ids: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    return col(Arrival.shop_id) == shop_id, bulk.is_among(col(Arrival.id), arrival_ids)
