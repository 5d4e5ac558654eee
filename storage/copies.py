"""Whole copies of the database, made while others write to it, and their return.

SQLite's own backup and PostgreSQL's pg_dump both read one state, however much is written meanwhile.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Generator, Iterable
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL

from storage.engine import db
from storage.engine.row_security import ALL_SHOPS, SETTING


class CopyError(Exception):
    """A copy could not be made, checked or brought back; one sentence."""


@contextlib.contextmanager
def _opened(file: Path) -> Generator[sqlite3.Connection]:
    try:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise CopyError(f"{file.name} can't be copied: {error}.") from error


def copy_sqlite(of: Engine, to: Path) -> None:
    """Copy a SQLite database into a new file that needs no other beside it.

    Raises:
        CopyError: the disk is full, or the database is damaged.
    """
    with contextlib.closing(of.raw_connection()) as held, _opened(to) as copy:
        source = held.driver_connection
        assert isinstance(source, sqlite3.Connection)
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def check_sqlite(file: Path) -> None:
    """Read a whole database.

    Raises:
        CopyError: it is damaged.
    """
    with _opened(file) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise CopyError(f"{file.name} is damaged: {found}.")


def count_sqlite(file: Path) -> dict[str, int]:
    """How many rows each table of a file has."""
    own = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    with _opened(file) as connection:
        tables = [name for (name,) in connection.execute(own)]
        return {
            table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
            for table in tables
        }


def dump_postgres(of: Engine, to: Path) -> dict[str, int]:
    """Write a PostgreSQL database into a file in pg_dump's own form; how many rows each table has.

    Raises:
        CopyError: pg_dump is missing, older than the server, or failed.
    """
    snapshot = of.execution_options(isolation_level="REPEATABLE READ", all_shops="a backup")
    with snapshot.connect() as connection:
        name = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        words = ["--format=custom", "--no-owner", "--no-privileges", "--enable-row-security"]
        words.append(f"--snapshot={name}")
        run("pg_dump", of.url, [*words, f"--file={to}"])
        return _count(connection, tables_in(connection))


def count_postgres(url: str, tables: Iterable[str]) -> dict[str, int]:
    """How many rows some tables of a PostgreSQL database have."""
    engine = create_engine(db.parse_url(url))
    try:
        with engine.connect() as connection:
            connection.execute(text(f"SELECT set_config('{SETTING}', '{ALL_SHOPS}', false)"))
            return _count(connection, tables)
    finally:
        engine.dispose()


def tables_in(connection: Connection) -> list[str]:
    """The tables of a PostgreSQL database."""
    own = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    return list(connection.execute(text(own)).scalars())


def _count(connection: Connection, tables: Iterable[str]) -> dict[str, int]:
    return {
        table: connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one()
        for table in tables
    }


def restore_postgres(dump: Path, url: str) -> None:
    """Bring a dump into an empty PostgreSQL database, whole or not at all.

    Raises:
        CopyError: the database is not empty, or pg_restore is missing or failed.
    """
    engine = create_engine(db.parse_url(url))
    try:
        with engine.connect() as connection:
            if tables_in(connection):
                raise CopyError("The database is not empty. Restore into an empty one.")
    finally:
        engine.dispose()
    words = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    run("pg_restore", engine.url, [*words, str(dump)])


def run(program: str, url: URL, words: list[str]) -> None:
    """Run one of PostgreSQL's programs on a database; its password is in no list of processes."""
    if shutil.which(program) is None:
        raise CopyError(f"{program} is missing. Install PostgreSQL's client programs.")
    secret = url.password or url.query.get("password")
    login = {"PGOPTIONS": f"-c {SETTING}={ALL_SHOPS}"}
    if secret:
        login["PGPASSWORD"] = str(secret)
    query = {name: value for name, value in url.query.items() if name != "password"}
    place = URL.create("postgresql", url.username, None, url.host, url.port, url.database, query)
    done = subprocess.run(
        [program, "--no-password", f"--dbname={place.render_as_string()}", *words],
        env={**os.environ, **login}, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        if "unsupported startup parameter" in said:  # pgbouncer.org/config.html
            raise CopyError(
                f"{program} can't work through a pooler. Run this command with PostgreSQL's own "
                "address in REGULARS_DATABASE_URL."
            )
        raise CopyError(f"{program} failed: {said.splitlines()[-1] if said else done.returncode}.")
