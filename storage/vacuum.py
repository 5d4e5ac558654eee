"""Scrubbing: what was deleted leaves the database's files, too.

SQLite overwrites what is deleted (`secure_delete`), yet a row that was moved between pages may
leave a copy in the gap of a page (measured: 2 of 20,000); VACUUM clears those. PostgreSQL
overwrites nothing: after a plain VACUUM the bytes of a row stay in its page, and those of its keys
in the indexes, until others take their place (measured on 18.6); VACUUM FULL writes a table anew.
The planner's statistics hold values of rows as well, which ANALYZE replaces.
"""

import re
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self

import psycopg
from psycopg.errors import Diagnostic
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine
from sqlmodel import SQLModel

from storage.engine import db, postgres

# Written anew, a file or a table keeps other writers waiting: 2.5 s for 190 MB (measured on a busy
# machine), and Shopify waits five seconds for an answer.
VACUUM_UP_TO = 100 * 1024 * 1024
MAX_ATTEMPTS = 20
PAUSE_S = 0.25
LOCK_TIMEOUT_S = 1  # for a table of PostgreSQL's; who comes after us waits as long
BUDGET_S = 30.0  # of PostgreSQL: a request is done within a minute
STATISTICS = "pg_statistic"
_SIZES = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE oid = ANY (SELECT to_regclass(quote_ident(name)) FROM unnest(%s::text[]) AS name)
ORDER BY 2
"""


# ANALYZE leaves the values of an empty table; this forgets them from release 18 on.
# `pg_stats` shows nothing of tables with policies.
_FORGET_VALUES = """
SELECT pg_clear_attribute_stats(current_schema(), relname::text, attname::text, false)
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relnamespace = current_schema()::regnamespace AND relname = %s
AND attnum > 0 AND NOT attisdropped
"""


class _Notice(NamedTuple):
    """What the server told by the way; the driver's own object is empty once it was handed over."""

    severity: str
    detail: str

    @classmethod
    def of(cls, notice: Diagnostic) -> Self:
        """Keep what counts of it."""
        return cls(notice.severity_nonlocalized or "", notice.message_detail or "")


def vacuum_database(tables: Iterable[str] = ()) -> bool:
    """Take deleted rows off the disk; False when readers or writers did not make room for it.

    Args:
        tables: those that had the rows; PostgreSQL looks at no other. All of them, where none is
            named.
    """
    if db.is_sqlite(db.engine()):
        return _scrub(db.engine()) & _scrub(db.inbox_engine())
    return _scrub_postgres([*tables] or [*SQLModel.metadata.tables])


def _scrub(engine: Engine) -> bool:
    path = Path(str(engine.url.database))
    connection = sqlite3.connect(path, timeout=2, isolation_level=None)
    try:
        if path.stat().st_size <= VACUUM_UP_TO:
            connection.execute("VACUUM")
        for _ in range(MAX_ATTEMPTS):
            # Readers keep old pages in the log beside the file: it is emptied once they are done.
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return True
            time.sleep(PAUSE_S)
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return False


def _scrub_postgres(tables: list[str]) -> bool:
    """Write small tables anew, the smallest first, and clear the others for reuse."""
    until = time.monotonic() + BUDGET_S
    url = db.engine().url.set(drivername="postgresql").render_as_string(hide_password=False)
    if db.is_pooled():  # where no timeout can be set for a statement outside of a transaction
        return False
    options = postgres.connection_options(postgres.settings(LOCK_TIMEOUT_S), pooled=False)
    try:
        with psycopg.connect(url, autocommit=True, **options) as connection:
            told: list[_Notice] = []
            connection.add_notice_handler(lambda notice: told.append(_Notice.of(notice)))
            sizes = connection.execute(_SIZES, [tables]).fetchall()
            done = [
                _vacuum(connection, told, table, size=size, until=until)
                for table, size in [*sizes, (STATISTICS, 0)]
            ]
            skipped = any(each.severity == "WARNING" for each in told)  # not ours
            return all(done) and not skipped
    except psycopg.OperationalError:
        return False


def _vacuum(
    connection: psycopg.Connection[Any],
    told: list[_Notice],
    table: str,
    *,
    size: int,
    until: float,
) -> bool:
    """VACUUM one table; False when others did not let us, or time is up."""
    forms = ["FULL, ANALYZE, VERBOSE", "ANALYZE"] if size <= VACUUM_UP_TO else ["ANALYZE"]
    for how in forms:
        for _ in range(MAX_ATTEMPTS):
            if time.monotonic() > until:
                return False
            told_before = len(told)
            try:
                if connection.info.server_version >= 180_000:
                    connection.execute(_FORGET_VALUES, [table])
                connection.execute(SQL(f"VACUUM ({how}) {{}}").format(Identifier(table)))
            except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
                break
            if how != forms[0]:
                return False
            if not any(map(_keeps_rows, told[told_before:])):
                return True
            time.sleep(PAUSE_S)  # someone's snapshot still sees what was deleted
    return False


def _keeps_rows(notice: _Notice) -> bool:
    """Whether VACUUM says that deleted rows had to stay: "2 dead row versions cannot be …"."""
    count = re.match(r"\D*(\d+)", notice.detail)
    return notice.severity == "INFO" and count is not None and int(count[1]) > 0
