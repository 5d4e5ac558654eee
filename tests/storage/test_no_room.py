"""No room: a connection to SQLite that could not write is left, as it may say what is not so."""

import contextlib

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from storage import inbox
from storage.arrivals import NewDelivery, add_deliveries, take_in_arrivals
from storage.engine import db
from tests.conftest import NOW

pytestmark = pytest.mark.usefixtures("sqlite")


def take_the_room(engine: Engine) -> None:
    """Let the connection that is next in the pool, and it alone, find no room."""
    with contextlib.closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        (pages,) = cursor.execute("PRAGMA page_count").fetchone()
        cursor.execute(f"PRAGMA max_page_count={pages + 1}")


def test_f10_what_could_not_be_kept_is_kept_by_another_connection() -> None:
    body = bytes(7_000)
    arrivals = [
        NewDelivery(1, f"hook-{n}", "orders/create", "2026-10", "", NOW, body) for n in range(20)
    ]
    take_the_room(db.inbox_engine())

    with pytest.raises(OperationalError, match="full"):
        add_deliveries(arrivals)
    add_deliveries(arrivals)
    with db.inbox_transaction() as session:
        take_in_arrivals(session)
        assert inbox.get_delivery(session, 1, "hook-19")


def test_f10_a_transaction_without_room_is_done_by_another_connection() -> None:
    with db.transaction() as session:
        session.execute(text("CREATE TABLE large (body BLOB)"))
    take_the_room(db.engine())
    insert = text("INSERT INTO large SELECT zeroblob(100000)")

    with pytest.raises(OperationalError, match="full"), db.transaction() as session:
        session.execute(insert, execution_options={"all_shops": "this is a test"})
    with db.transaction() as session:
        session.execute(insert, execution_options={"all_shops": "this is a test"})


def test_a_database_that_is_only_busy_keeps_its_connections() -> None:
    with contextlib.closing(db.inbox_engine().raw_connection()) as connection:
        held = connection.driver_connection
    with db.inbox_transaction() as session:
        session.connection()
        with pytest.raises(OperationalError, match="locked"):
            add_deliveries(
                [NewDelivery(1, "hook", "orders/create", "2026-10", "", NOW, b"{}")], wait_ms=0
            )
    assert held
    assert held.execute("SELECT 1").fetchone() == (1,)
