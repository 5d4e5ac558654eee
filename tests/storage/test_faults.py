"""Which faults of a database pass, and which are of the work itself; each is a real one."""

import random
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.engine import db

ANY = {"all_shops": "this is a test"}
ON_POSTGRES = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def fault_of(*statements: str) -> DBAPIError:
    """The fault that some statements of one transaction come to."""
    with pytest.raises(DBAPIError) as raised:
        run(statements)
    return raised.value


def run(statements: Sequence[str]) -> None:
    with db.transaction() as session:
        for statement in statements:
            session.execute(text(statement), execution_options=ANY)


def passes(error: DBAPIError) -> bool:
    return isinstance(error, db.TRANSIENT)


@pytest.mark.parametrize(
    "statement",
    ["SELECT * FROM no_such_table", "SELECT no_such_column FROM profile", "SELECT nonsense("],
)
def test_f20_a_missing_table_or_column_is_no_passing_fault(database: str, statement: str) -> None:
    assert not passes(fault_of(statement))


@ON_POSTGRES
def test_f20_a_text_too_long_for_its_index_is_no_passing_fault(database: str) -> None:
    token = "".join(random.Random(7).choices("0123456789abcdefghijklmnopqrstuvwxyz", k=9_000))
    error = fault_of(
        "CREATE TEMPORARY TABLE kept (token text PRIMARY KEY)",
        f"INSERT INTO kept VALUES ('{token}')",
    )

    assert error.orig is not None
    assert getattr(error.orig, "sqlstate", "") == "54000"  # which psycopg calls operational
    assert not passes(error)


@ON_POSTGRES
def test_f20_what_the_driver_itself_refuses_is_no_passing_fault(database: str) -> None:
    many = ", ".join(f":p{number}" for number in range(70_000))
    with pytest.raises(DBAPIError) as raised, db.transaction() as session:
        session.execute(text(f"SELECT 1 WHERE 1 IN ({many})"), {f"p{n}": n for n in range(70_000)})

    assert not passes(raised.value)


@ON_POSTGRES
@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(
            ("SET TRANSACTION READ ONLY", "UPDATE main_version SET version_num = version_num"),
            id="read-only, as after a failover",
        ),
        pytest.param(("SELECT pg_terminate_backend(pg_backend_pid())",), id="ended"),
        pytest.param(("SET LOCAL statement_timeout = 20", "SELECT pg_sleep(5)"), id="a minute"),
    ],
)
def test_f27_postgresql_that_cannot_do_it_now_is_a_passing_fault(
    database: str, statements: tuple[str, ...]
) -> None:
    assert passes(fault_of(*statements))
    with db.reading() as session:
        assert session.scalar(text("SELECT 1")) == 1


@ON_POSTGRES
def test_f27_a_lock_that_does_not_come_is_a_passing_fault(database: str) -> None:
    with db.transaction() as session:
        session.execute(text("LOCK TABLE main_version"))
        error = fault_of("SET LOCAL lock_timeout = 20", "SELECT * FROM main_version")

    assert passes(error)


@ON_POSTGRES
def test_f27_a_server_that_is_not_there_is_a_passing_fault(database: str) -> None:
    db.disconnect()
    db._Engines.main = db._engine(db.parse_url("postgresql://127.0.0.1:1/nothing"))
    try:
        assert passes(fault_of("SELECT 1"))
    finally:
        db.disconnect()


@pytest.mark.parametrize("pragma", ["query_only = ON", "max_page_count = 1"])
def test_f10_sqlite_that_cannot_write_now_is_a_passing_fault(sqlite: str, pragma: str) -> None:
    error = fault_of(
        f"PRAGMA {pragma}",
        "CREATE TABLE more (body BLOB)",
        "INSERT INTO more SELECT zeroblob(100000)",
    )
    db.disconnect()  # the pragma is its connection's

    assert passes(error)


def test_f09_sqlite_that_is_locked_is_a_passing_fault(sqlite: str) -> None:
    with db.transaction() as session, db.engine().connect() as other:
        session.connection()
        other.exec_driver_sql("PRAGMA busy_timeout=10")
        with pytest.raises(DBAPIError) as raised:
            other.exec_driver_sql("UPDATE main_version SET version_num = version_num")

    assert passes(raised.value)
