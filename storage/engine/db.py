"""The database: `connect` once in a process, then one `transaction` around each piece of work."""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.sql import Executable
from sqlmodel import Session, SQLModel

from storage.engine import faults, postgres, row_security, tenant_guard
from storage.engine.faults import TRANSIENT as TRANSIENT
from storage.engine.write_queue import QUEUE_SUFFIX, WriteQueue

PAGE_BYTES = 4_096  # SQLite's own
# A delivery of 7 KB then fills one page instead of three: 42 µs of CPU instead of 50 to keep one of
# 32 in a commit (measured); of 16 KB pages a commit writes twice as much, and takes longer.
INBOX_PAGE_BYTES = 16_384
LASTING = "FULL"  # a 200 or a `sending` must outlive a power cut: each commit waits for the disk
BUSY_TIMEOUT_MS = 15_000  # how long a SQLite writer waits for the one before it
# How long we wait for a lock: a worker's row is offered again, and who asks the web asks again.
LOCK_TIMEOUT_S, WEB_LOCK_TIMEOUT_S = 10, 2
# Threads of a process that wait for one shop's lock, and for those of all: the others of a web
# process, of 40, answer for the other shops.
MAX_WAITING_FOR_SHOP, MAX_WAITING = 8, 20


class DatabaseError(Exception):
    """The database cannot be used; the message is one sentence for the operator."""


class _Engines:
    """This process's two databases: all tables, and the inbox (a file of its own on SQLite)."""

    main: Engine | None = None
    inbox: Engine | None = None
    main_turns: WriteQueue | None = None  # of SQLite, which has one writer a file
    inbox_turns: WriteQueue | None = None
    pooled: bool = False  # a pooler stands before PostgreSQL


def postgres_options() -> dict[str, Any]:
    """What a connection to PostgreSQL begins with, for one that no engine makes."""
    return postgres.connection_options(postgres.settings(LOCK_TIMEOUT_S), pooled=_Engines.pooled)


def connect(url: str, *, lock_timeout_s: int = LOCK_TIMEOUT_S) -> None:
    """Open the database at `url` (`sqlite:///path` or `postgresql://…`) for this process.

    Raises:
        DatabaseError: the address is not one that we can use, or nothing answers there.
    """
    disconnect()
    parsed = parse_url(url)
    try:
        main = _open(parsed, lock_timeout_s)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise DatabaseError(
            f"The database at {redact_password(url)} cannot be reached: {reason.rstrip('.')}."
        ) from None
    sqlite = is_sqlite(main)
    inbox = _engine(inbox_url(parsed), page_bytes=INBOX_PAGE_BYTES) if sqlite else main
    _Engines.main, _Engines.inbox = main, inbox
    if is_sqlite(main):
        _Engines.main_turns, _Engines.inbox_turns = _turns(main), _turns(inbox)


def _open(url: URL, lock_timeout_s: int) -> Engine:
    """The engine of a database that answers, directly or through a pooler."""
    made = _engine(url, lock_timeout_s=lock_timeout_s)
    try:
        with made.connect() as connection:
            if is_sqlite(made) or not postgres.is_pooled(connection):
                connection.execute(text("SELECT 1"))
                return made
    except SQLAlchemyError as error:
        if not postgres.refuses_options(error):
            raise
    made.dispose()
    _Engines.pooled = True
    made = _engine(url, lock_timeout_s=lock_timeout_s)
    with made.connect() as connection:
        connection.execute(text("SELECT 1"))
    return made


def disconnect() -> None:
    """Close this process's connections, if there are any."""
    for engine in {_Engines.main, _Engines.inbox} - {None}:
        assert engine is not None
        engine.dispose()
    for turns in (_Engines.main_turns, _Engines.inbox_turns):
        if turns is not None:
            turns.close()
    _Engines.main = _Engines.inbox = _Engines.main_turns = _Engines.inbox_turns = None
    _Engines.pooled = False


def _turns(of: Engine) -> WriteQueue:
    try:
        return WriteQueue(Path(f"{of.url.database}{QUEUE_SUFFIX}"))
    except OSError as error:
        disconnect()
        raise DatabaseError(f"{error.filename} cannot be written: {error.strerror}.") from None


def parse_url(url: str) -> URL:
    """The address with the driver that we use for it."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseError(f"REGULARS_DATABASE_URL is not a database address: {url!r}.") from None
    if parsed.get_backend_name() == "sqlite":
        return parsed.set(drivername="sqlite")
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise DatabaseError(
        f"REGULARS_DATABASE_URL must begin with sqlite:// or postgresql://, not {parsed.drivername}://."
    )


def redact_password(url: str) -> str:
    """The address without its password."""
    return parse_url(url).render_as_string(hide_password=True)


def inbox_url(url: URL) -> URL:
    """On SQLite the inbox is its own file, so that ingest never waits for a long write."""
    return url.set(database=str(inbox_path(Path(url.database or ""))))


def inbox_path(database: Path) -> Path:
    """Where the inbox lies, beside SQLite's other file."""
    return database.with_name(f"{database.stem}-inbox{database.suffix or '.db'}")


def engine() -> Engine:
    """The engine over all tables but, on SQLite, the inbox."""
    if _Engines.main is None:
        raise DatabaseError("The database is not connected.")
    return _Engines.main


def inbox_engine() -> Engine:
    """The engine over the inbox."""
    if _Engines.inbox is None:
        raise DatabaseError("The database is not connected.")
    return _Engines.inbox


def is_pooled() -> bool:
    """Whether this process reaches PostgreSQL through a pooler."""
    return _Engines.pooled


def is_sqlite(of: Engine) -> bool:
    """Whether an engine speaks to SQLite."""
    return of.dialect.name == "sqlite"


@contextmanager
def transaction(*, redone: bool = False) -> Generator[Session]:
    """One piece of work: committed when the block ends, rolled back when it raises.

    On SQLite it takes the write lock at once: a lock taken half-way fails instead of waiting.

    Args:
        redone: a power cut may take it back whole, as it is simply done again then: on SQLite its
            commit waits for no disk.
    """
    of = engine().execution_options(synchronous="NORMAL") if redone else engine()
    with _turn(_Engines.main_turns):
        yield from _session(of, "IMMEDIATE")


@contextmanager
def reading() -> Generator[Session]:
    """Open a read-only session, which waits for no lock."""
    yield from _session(engine(), "DEFERRED")


@contextmanager
def snapshot() -> Generator[Session]:
    """As `reading`, and all of it at one moment, however many statements it takes."""
    one_moment = {} if is_sqlite(engine()) else {"isolation_level": "REPEATABLE READ"}
    yield from _session(engine().execution_options(**one_moment), "DEFERRED")


@contextmanager
def inbox_transaction() -> Generator[Session]:
    """As `transaction`, over the inbox."""
    of = inbox_engine()
    with _turn(_Engines.inbox_turns):
        yield from _session(of, "IMMEDIATE")


@contextmanager
def inbox_reading() -> Generator[Session]:
    """As `reading`, over the inbox."""
    yield from _session(inbox_engine(), "DEFERRED")


def _session(of: Engine, begin: str) -> Generator[Session]:
    with Session(of.execution_options(begin=begin), expire_on_commit=False) as session:
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise


@contextmanager
def writing(of: Engine, within_s: float) -> Generator[Connection]:
    """Open a connection that writes, in line with all other writers, if its turn comes in time."""
    turns = _Engines.inbox_turns if of is _Engines.inbox else _Engines.main_turns
    with _turn(turns, within_s), of.execution_options(begin="IMMEDIATE").begin() as connection:
        yield connection


@contextmanager
def _turn(turns: WriteQueue | None, within_s: float | None = None) -> Generator[None]:
    """Run the block as the only writer.

    Raises:
        PassingFaultError: our turn did not come in time.
    """
    if turns is None:
        yield
        return
    with turns.acquire(BUSY_TIMEOUT_MS / 1_000 if within_s is None else within_s) as ours:
        if not ours:
            busy = sqlite3.OperationalError("database is locked")
            raise faults.passing_fault("BEGIN IMMEDIATE", busy)
        yield


def database_time(session: Session) -> float:
    """Seconds since 1970 by the database's clock, which alone rules leases.

    SQLite has no clock but this machine's.
    """
    if session.get_bind().dialect.name == "sqlite":
        return time.time()
    return float(session.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0)


def unsafe_settings() -> list[str]:
    """PostgreSQL's settings that are off and without which a power cut loses what was committed."""
    if is_sqlite(engine()):
        return []
    names = ("fsync", "full_page_writes", "synchronous_commit")
    query = "SELECT name FROM pg_settings WHERE setting = 'off' AND name = ANY(:names) ORDER BY 1"
    with engine().connect() as connection:
        return list(connection.execute(text(query), {"names": list(names)}).scalars())


def size_bytes(session: Session) -> int:
    """How much room the main database takes on its disk, with its indexes."""
    if session.get_bind().dialect.name == "sqlite":
        query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    else:
        query = "SELECT pg_database_size(current_database())"
    return int(session.scalar(text(query)) or 0)


def set_cache_size(session: Session, mebibytes: int) -> None:
    """Let this connection to SQLite keep so much of the database in memory."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text(f"PRAGMA cache_size=-{mebibytes * 1024}"))


def lock_shop(session: Session, shop_id: int) -> None:
    """Let only this transaction write a shop's profiles: two that merge must not cross.

    SQLite has one writer anyway.

    Raises:
        ShopBusyError: the lock did not come in time, or too many threads wait for it already.
    """
    if is_sqlite(engine()):
        return
    statement = "SELECT pg_advisory_xact_lock(:key)"
    with _place_in_line(shop_id):
        try:
            session.execute(text(statement), {"key": shop_id})
        except faults.PassingFaultError as error:
            if faults.is_lock_timeout(error):
                raise faults.ShopBusyError(statement, None, error) from error
            raise


_waiting: Counter[int] = Counter()  # threads, by shop
_counting = threading.Lock()


@contextmanager
def _place_in_line(shop_id: int) -> Generator[None]:
    with _counting:
        if _waiting[shop_id] >= MAX_WAITING_FOR_SHOP or _waiting.total() >= MAX_WAITING:
            raise faults.ShopBusyError(None, None, TimeoutError("too many wait for this shop"))
        _waiting[shop_id] += 1
    try:
        yield
    finally:
        with _counting:
            _waiting[shop_id] -= 1
            if not _waiting[shop_id]:
                del _waiting[shop_id]


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a model, for statements without objects."""
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
    return table


def insert(table: type[SQLModel]) -> Any:
    """An INSERT that can say ON CONFLICT. Both databases spell it alike; their types share none."""
    return sqlite.insert(table) if is_sqlite(engine()) else postgresql.insert(table)


def across_shops(session: Session, statement: Executable, why: str, params: Any = None) -> Any:
    """Run a statement over all shops' rows; `why` says what it is for."""
    return session.execute(statement, params, execution_options={"all_shops": why})


def _engine(
    url: URL, page_bytes: int = PAGE_BYTES, *, lock_timeout_s: int = LOCK_TIMEOUT_S
) -> Engine:
    """Create an engine. Its errors hold no values: they are logged, and a row names a shopper."""
    create = partial(
        create_engine,
        url,
        pool_size=20,
        hide_parameters=True,
        json_serializer=_to_json,
        json_deserializer=from_json,
    )
    if url.get_backend_name() != "sqlite":
        settings = postgres.settings(lock_timeout_s)
        options = postgres.connection_options(settings, pooled=_Engines.pooled)
        made = create(pool_pre_ping=True, connect_args=options)
        row_security.bind_transactions(made, settings if _Engines.pooled else {})
    else:
        if url.database in (None, "", ":memory:"):
            raise DatabaseError("A SQLite database needs a file: sqlite:///path/to/regulars.db.")
        made = create(connect_args={"check_same_thread": False})
        row_security.bind_transactions(made, {})  # before the BEGIN of ours is read
        event.listen(made, "connect", partial(_prepare_sqlite, page_bytes=page_bytes))
        event.listen(made, "begin", _begin_sqlite)
        event.listen(made, "handle_error", faults.leave_if_out_of_room)
    event.listen(made, "handle_error", faults.tell_passing, retval=True)
    tenant_guard.guard_queries(made, SQLModel.metadata)
    return made


def _to_json(value: Any) -> str:
    """A document as text; Pydantic's own writer takes a fifth of the time of `json.dumps`."""
    return to_json(value).decode()


def _prepare_sqlite(connection: sqlite3.Connection, record: Any, *, page_bytes: int) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see `_begin_sqlite`
    connection.execute(f"PRAGMA page_size={page_bytes}")  # of a file that is not there yet
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(
        "PRAGMA secure_delete=ON"
    )  # what is erased is overwritten: storage/vacuum.py
    connection.execute(
        "PRAGMA recursive_triggers=ON"
    )  # a REPLACE deletes: storage/engine/append_only.py
    connection.execute(f"PRAGMA synchronous={LASTING}")


def _begin_sqlite(connection: Any) -> None:
    options = connection.get_execution_options()
    wanted = options.get("synchronous", LASTING)
    if connection.info.get("synchronous", LASTING) != wanted:
        connection.exec_driver_sql(f"PRAGMA synchronous={wanted}")
        connection.info["synchronous"] = wanted
    connection.exec_driver_sql(f"BEGIN {options.get('begin', 'DEFERRED')}")
