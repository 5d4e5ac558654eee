"""Databases that earlier versions wrote: their rows as SQL, and the migrations they came by."""

import json
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor

from storage import schema
from storage.engine import db

FROZEN = Path(__file__).parent / "frozen"
HASHES = "migrations.json"


def path_of(versions: str, line: str) -> Path:
    """The rows of a line's database, of the kind that is connected: a JSON statement a line."""
    kind = "sqlite" if db.is_sqlite(db.engine()) else "postgresql"
    return FROZEN / versions / f"{kind}-{line}.jsonl"


def load(versions: str) -> None:
    """Bring the connected, empty database to these versions and put their rows in."""
    main, inbox = versions.split("-")
    schema.upgrade(main, inbox)
    for line, engine in schema.lines():
        with engine.execution_options(all_shops="a frozen database").begin() as connection:
            for statement in path_of(versions, line).read_text().splitlines():
                connection.exec_driver_sql(json.loads(statement))


def migrations() -> dict[str, str]:
    """The SHA-256 of each migration's file, by its place."""
    return {
        str(file.relative_to(schema.MIGRATIONS)): sha256(file.read_bytes()).hexdigest()
        for file in sorted(schema.MIGRATIONS.glob("*/[0-9]*.py"))
    }


def rows_of(connection: Connection, table: str) -> DBAPICursor:
    """All rows of a table, of every shop, as the driver gives them."""
    of_all = {"all_shops": "all rows of a database are frozen"}
    return connection.exec_driver_sql(f'SELECT * FROM "{table}"', execution_options=of_all).cursor
