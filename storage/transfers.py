"""Transfers: every row of a SQLite database into PostgreSQL, whole or not at all.

Each table is one COPY, which is read and written a row at a time. A value goes over as text, and
PostgreSQL makes of it what its column is: SQLite keeps moments in UTC, documents as JSON and truth
as 0 or 1, all of which are words that PostgreSQL reads.
"""

import contextlib
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Table, text
from sqlmodel import SQLModel

from storage import schema
from storage.copies import CopyError, count_sqlite, tables_in
from storage.engine import db, row_security
from storage.restorations import Restoration

WHY = "a backup of SQLite comes into PostgreSQL"
LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_SEQUENCES = text("""
    SELECT table_name, column_name,
           pg_get_serial_sequence(quote_ident(table_name), column_name) AS sequence
    FROM information_schema.columns
    WHERE table_schema = current_schema()
      AND pg_get_serial_sequence(quote_ident(table_name), column_name) IS NOT NULL
""")


def require_empty() -> None:
    """Go on only with a PostgreSQL database in which nothing is kept.

    The tables may be there, and that a restoration began: so an attempt that was cut off leaves it.

    Raises:
        CopyError: there are rows in it, or tables of others.
    """
    held = db.table_of(Restoration).name
    with db.engine().execution_options(all_shops=WHY).connect() as connection:
        there = set(tables_in(connection))
        ours = there & SQLModel.metadata.tables.keys()
        if there - ours - {*schema.VERSION_TABLES} or any(
            connection.execute(text(f'SELECT EXISTS (SELECT 1 FROM "{name}")')).scalar_one()
            for name in ours - {held}
        ):
            raise CopyError("The database is not empty. Restore into an empty one.")


def load_restorations(file: Path) -> None:
    """Bring over that this database is a restored one, before all else: if the rest is cut off,
    nothing is sent.
    """
    table = db.table_of(Restoration)
    with _loading() as connection, row_security.without_policies(connection):
        connection.execute(text(f'DELETE FROM "{table.name}"'))
        _load(connection, file, [table])


def load_rows(main: Path, inbox: Path) -> None:
    """Bring over all other rows of SQLite's two files, in one transaction, into empty tables of
    the same version.

    Raises:
        CopyError: PostgreSQL does not take a value, or a table came over with other rows.
    """
    held = db.table_of(Restoration)
    with _loading() as connection:
        with row_security.without_policies(connection):
            for line, file in (("main", main), ("inbox", inbox)):
                _load(connection, file, [each for each in schema.tables_of(line) if each != held])
        _continue_sequences(connection, _last_numbers(inbox))
        if unprotected := row_security.unprotected(connection):
            raise CopyError(f"{unprotected[0]} would show each shop the rows of others.")
    with _loading() as connection:
        connection.execute(text("ANALYZE"))  # the first statements are planned for what is there


@contextlib.contextmanager
def _loading() -> Generator[Connection]:
    with db.engine().execution_options(all_shops=WHY).begin() as connection:
        for limit in LIMITS:
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        connection.execute(text("SET LOCAL timezone = 'UTC'"))  # SQLite's moments name no zone
        yield connection


def _load(connection: Connection, file: Path, tables: Iterable[Table]) -> None:
    counted = count_sqlite(file)
    with closing(sqlite3.connect(file)) as source:
        for table in tables:
            try:
                _copy(connection, source, table)
            except psycopg.Error as error:  # its details hold values, which name shoppers
                reason = (error.diag.message_primary or str(error)).partition(":")[0]
                raise CopyError(f"{table.name} can't be loaded: {reason}.") from None
            found = connection.execute(text(f'SELECT count(*) FROM "{table.name}"')).scalar_one()
            if found != counted[table.name]:
                raise CopyError(
                    f"{table.name} came over with {found} rows of {counted[table.name]}."
                )


def _copy(connection: Connection, source: sqlite3.Connection, table: Table) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.c)
    with closing(connection.connection.cursor()) as cursor, closing(source.cursor()) as rows:
        rows.execute(f'SELECT {names} FROM "{table.name}"')
        with cast("Any", cursor).copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
            for row in rows:
                copy.write_row(row)


def _last_numbers(file: Path) -> dict[str, int]:
    """The last number that SQLite gave in each table that gives none twice."""
    with closing(sqlite3.connect(file)) as source:
        return dict(source.execute("SELECT name, seq FROM sqlite_sequence"))


def _continue_sequences(connection: Connection, last: dict[str, int]) -> None:
    """Let each sequence go on behind the numbers that are taken."""
    rows: Sequence[Any] = connection.execute(_SEQUENCES).all()
    for table, column, sequence in rows:
        query = f'SELECT coalesce(max("{column}"), 0) FROM "{table}"'
        newest = max(connection.execute(text(query)).scalar_one(), last.get(table, 0))
        if newest:
            connection.execute(
                text("SELECT setval(CAST(:sequence AS regclass), :newest)"),
                {"sequence": sequence, "newest": newest},
            )
