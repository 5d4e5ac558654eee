"""S09, below our code: plain SQL in a transaction of one shop sees and changes no other's rows.

As the role that owns the tables, which is no superuser: the policies hold for it, too.
"""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import select, text
from sqlmodel import SQLModel, col
from structlog.testing import capture_logs

from plugin.runtime.connect import connect_database
from plugin.settings import Settings
from storage import schema
from storage.engine import append_only, db, row_security
from storage.engine.row_security import OtherShopError
from storage.profiles import Profile
from tests.conftest import NOW

TABLES = sorted(t.name for t in SQLModel.metadata.sorted_tables if "shop_id" in t.c)
ONE, OTHER, THIRD = 1, 2, 3
# Of each type of column one value that any check lets pass.
VALUES = {
    "bigint": 7, "integer": 7, "numeric": 7, "double precision": 0.5, "boolean": False,
    "character varying": "x", "text": "x", "jsonb": "{}", "bytea": b"x",
    "timestamp with time zone": NOW, "date": NOW.date(),
}  # fmt: skip

on_postgres = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def plain(database: str) -> Iterator[psycopg.Connection]:
    """A connection as any program has that knows the address: nothing of ours is in between."""
    with psycopg.connect(database) as connection:
        yield connection
        connection.rollback()


def become(connection: psycopg.Connection, shop: object) -> None:
    connection.execute("SELECT set_config(%s, %s, true)", (row_security.SETTING, str(shop)))


def fill(connection: psycopg.Connection, table: str) -> None:
    """A row for each of two shops, whatever its other columns are."""
    columns = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s"
        " AND table_schema = current_schema()",
        (table,),
    ).fetchall()
    names = ", ".join(f'"{name}"' for name, _ in columns)
    places = ", ".join("%s" for _ in columns)
    for shop in (ONE, OTHER):
        values = [shop if name in ("shop_id", "id") else VALUES[kind] for name, kind in columns]
        connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({places})', values)


def shops_seen(connection: psycopg.Connection, table: str) -> list[int]:
    return sorted(row[0] for row in connection.execute(f'SELECT shop_id FROM "{table}"'))


def is_refused(connection: psycopg.Connection, statement: str) -> bool:
    connection.execute("SAVEPOINT before")
    try:
        connection.execute(statement)
    except InsufficientPrivilege as error:
        return "row-level security policy" in str(error)
    finally:
        connection.execute("ROLLBACK TO before")
    return False


def changed(connection: psycopg.Connection, statement: str) -> int:
    connection.execute("SAVEPOINT before")
    rows = connection.execute(statement).rowcount
    connection.execute("ROLLBACK TO before")
    return rows


@on_postgres
def test_s09_plain_sql_of_one_shop_reaches_no_row_of_another(plain):
    assert len(TABLES) > 50
    for table in TABLES:
        become(plain, row_security.ALL_SHOPS)
        fill(plain, table)
        plain.execute(f'CREATE TEMP TABLE theirs AS SELECT * FROM "{table}" WHERE shop_id = 2')
        plain.execute(f"UPDATE theirs SET shop_id = {THIRD}")

        become(plain, "")
        assert shops_seen(plain, table) == [], table
        assert is_refused(plain, f'INSERT INTO "{table}" SELECT * FROM theirs'), table

        become(plain, ONE)
        assert shops_seen(plain, table) == [ONE], table
        assert is_refused(plain, f'INSERT INTO "{table}" SELECT * FROM theirs'), table
        assert changed(plain, f'DELETE FROM "{table}" WHERE shop_id = {OTHER}') == 0, table
        if table != append_only.LEDGER:  # which its own trigger keeps from any change
            assert changed(plain, f'UPDATE "{table}" SET shop_id = 1 WHERE shop_id = 2') == 0, table
            assert changed(plain, f'DELETE FROM "{table}"') == 1, table
            assert is_refused(plain, f'UPDATE "{table}" SET shop_id = {THIRD}'), table

        become(plain, row_security.ALL_SHOPS)
        assert shops_seen(plain, table) == [ONE, OTHER], table
        plain.execute("DROP TABLE theirs")


@on_postgres
def test_s09_every_table_of_shops_has_the_same_policy(plain):
    found = plain.execute(
        "SELECT tablename, policyname, permissive, roles::text, cmd, qual FROM pg_policies"
    ).fetchall()

    assert sorted(table for table, *_ in found) == TABLES
    ((*policy, condition),) = {tuple(rest) for _, *rest in found}
    assert policy == [row_security.POLICY, "PERMISSIVE", "{public}", "ALL"]
    assert row_security.SETTING in condition


@on_postgres
def test_s09_a_table_that_lost_its_policy_gets_it_back_by_an_upgrade(database):
    with db.engine().begin() as connection:
        connection.execute(text("DROP POLICY one_shop ON profile"))
        connection.execute(text("ALTER TABLE event NO FORCE ROW LEVEL SECURITY"))
        assert row_security.unprotected(connection) == ["event", "profile"]
    schema._protected.clear()
    assert not schema.is_current()

    schema.upgrade()

    assert schema.is_current()


@on_postgres
def test_s09_a_shop_is_set_for_its_transaction_alone(database, shop):
    misread = text("SELECT count(*) FROM profile WHERE shop_id = shop_id")  # it names no shop
    with db.transaction() as session:
        session.add(Profile(shop_id=shop.id, id=1, created_at=NOW, last_active_at=NOW))
        session.flush()
        assert session.execute(misread).scalar() == 1
    for _ in range(3):  # by the pool's same connection
        with db.reading() as session:
            assert session.execute(misread).scalar() == 0


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_s09_a_transaction_of_one_shop_names_no_other(database):
    mine, theirs = (select(Profile).where(col(Profile.shop_id) == each) for each in (ONE, OTHER))
    everyones = select(Profile)
    with db.reading() as session:
        session.execute(mine)
        with pytest.raises(OtherShopError):
            session.execute(theirs)
        with pytest.raises(OtherShopError):
            db.across_shops(session, everyones, "this test")
    with db.reading() as session:
        db.across_shops(session, everyones, "this test")
        session.execute(mine)
        session.execute(theirs)


@on_postgres
def test_s09_a_superuser_is_told_that_no_policy_holds(database, postgres_server, data_dir):
    with capture_logs() as ordinary:
        connect_database(Settings(_env_file=None, database_url=database))
    with capture_logs() as exempt:
        connect_database(Settings(_env_file=None, database_url=postgres_server))

    assert ordinary == []
    assert [each["event"] for each in exempt] == ["database.no_row_security"]


@pytest.mark.parametrize("word", [row_security.ALL_SHOPS, "1'; SELECT 1; --"])
def test_s09_a_shop_is_a_number_whatever_a_caller_passes(database: str, word: str) -> None:
    with db.reading() as session, pytest.raises(ValueError, match="invalid literal"):
        session.connection().execute(select(col(Profile.id)).where(col(Profile.shop_id) == word))
