"""Passing faults: the database is busy, full or away, and the same work can be done again later.

The list is closed. What is not on it is a fault of the work itself, which is tried alone and
set aside in the end: were it taken for a passing one, it would be offered for ever, together with
what stands beside it.
"""

import sqlite3
from contextlib import suppress

import psycopg
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

# postgresql.org/docs/current/errcodes-appendix.html, by class and by code.
PASSING_CLASSES = (
    "08",  # the connection
    "40",  # a deadlock, a conflict: the transaction was rolled back
    "53",  # no room on the disk, no memory, too many connections
    "57P",  # the server shuts down, starts, or ended this connection
    "58",  # a fault of the machine below the database
)
LOCK_TIMEOUT = "55P03"
PASSING_CODES = (
    "25006",  # read-only: a failover, where the old primary or a replica still answers
    "25P03",  # this connection was idle in its transaction for too long
    LOCK_TIMEOUT,  # a lock was not to be had in time
    "57014",  # a statement's minute was over: no delivery makes ours so long, a busy disk does
)
# sqlite.org/rescode.html
PASSING_IN_SQLITE = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,  # as busy, of the write-ahead log
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,  # the disk was mounted anew after a fault
        sqlite3.SQLITE_CANTOPEN,  # no files left
        sqlite3.SQLITE_INTERRUPT,
    )
)


class PassingFaultError(OperationalError):
    """The database cannot do this now; nothing was changed."""


class ShopBusyError(PassingFaultError):
    """Another transaction holds the lock of this one shop; the database does others' work."""


TRANSIENT = (PassingFaultError, PoolTimeoutError)


def is_passing(error: BaseException | None, *, lost: bool) -> bool:
    """Return whether a driver's error is one that passes.

    Args:
        lost: there is no connection any more. Without an answer of the server's, this alone tells
            its absence from a statement that the driver itself refuses.
    """
    if isinstance(error, psycopg.Error):
        if error.sqlstate is None:
            return lost
        return error.sqlstate.startswith(PASSING_CLASSES) or error.sqlstate in PASSING_CODES
    return isinstance(error, sqlite3.Error) and _sqlite_code(error) in PASSING_IN_SQLITE


def passing_fault(statement: str | None, error: BaseException) -> PassingFaultError:
    """Return a driver's error as ours, without values: it is logged, and they name a shopper."""
    return PassingFaultError(statement, None, error, hide_parameters=True)


def is_lock_timeout(error: PassingFaultError) -> bool:
    """Return whether PostgreSQL gave up the wait for a lock."""
    return getattr(error.orig, "sqlstate", None) == LOCK_TIMEOUT


def tell_passing(context: ExceptionContext) -> PassingFaultError | None:
    """Raise passing faults as such, whatever SQLAlchemy makes of them."""
    error = context.original_exception
    lost = context.is_disconnect or context.connection is None
    if context.is_pre_ping or not is_passing(error, lost=lost):
        return None
    return passing_fault(context.statement, error)


def leave_if_out_of_room(context: ExceptionContext) -> None:
    """Use a connection no more that found its disk full: see `is_out_of_room`."""
    if is_out_of_room(context.original_exception):
        if context.connection is not None:  # closed with a transaction open it might keep the lock
            with suppress(sqlite3.Error):
                context.connection.connection.rollback()
        context.is_disconnect, context.invalidate_pool_on_disconnect = True, False


def is_out_of_room(error: BaseException | None) -> bool:
    """Return whether SQLite could not write, for want of room or by a fault of the disk.

    The connection is not to be used again: on a disk that stayed full for a minute, 4 to 22 of some
    10,000 commits that came after failed ones of the same connection reported success and kept
    nothing (SQLite 3.40.1 on tmpfs; none with a new connection after each failure).
    """
    return _sqlite_code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def _sqlite_code(error: BaseException | None) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the lower byte names the kind
