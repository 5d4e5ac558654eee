"""What was deleted leaves the files of the database, on PostgreSQL as on SQLite."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import delete
from sqlmodel import col

from storage import inbox, vacuum
from storage.arrivals import Arrival, NewDelivery
from storage.engine import db
from storage.events import Event
from storage.inbox import Delivery, DeliveryState
from storage.profiles import Profile
from storage.shops import Shop
from tests.rules import canary

pytestmark = pytest.mark.usefixtures("shop")
WORD = "quincella.canary@example.com"
TABLES = ("profile", "event", "arrival", "delivery")


def plant_and_delete(shop: Shop, url: str, *, others: int) -> None:
    """Rows with the word, of which the planner knows: some too long for a page, some beside others'
    that stay.
    """
    of, at, noise = {"shop_id": shop.id}, shop.installed_at, os.urandom(30_000).hex()
    words = [WORD, f"two.{WORD}", *(f"{n}@example.com" for n in range(others))]
    with db.transaction() as session:
        for n, word in enumerate(words, start=1):
            session.add(Event(**of, id=n, profile_id=n, metric="Quiz", unique_id=word,
                              occurred_at=at, properties={"a": word + noise}))  # fmt: skip
            session.add(Profile(**of, id=n, email=word, properties={}, field_times={},
                                created_at=at, last_active_at=at))  # fmt: skip
    with db.inbox_transaction() as session:
        for word in words:
            new = NewDelivery(shop.id, word, "x", "", "", at, (word + noise).encode())
            inbox.add_settled(session, new, DeliveryState.DONE)
    if not url.startswith("sqlite"):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ANALYZE")
    for begin, model, column in (
        (db.transaction, Event, Event.unique_id),
        (db.transaction, Profile, Profile.email),
        (db.inbox_transaction, Delivery, Delivery.webhook_id),
        (db.inbox_transaction, Arrival, Arrival.webhook_id),
    ):
        with begin() as session:
            theirs = col(column).in_(words[:2])
            session.connection().execute(delete(model).where(col(model.shop_id) == shop.id, theirs))


@contextmanager
def looked_at(url: str) -> Iterator[None]:
    """While another connection reads a table, as a long report does."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT count(*) FROM profile")
        yield


@pytest.mark.parametrize("others", [0, 20])
def test_l13_no_file_of_the_database_keeps_a_deleted_row(
    database: str, shop: Shop, tmp_path: Path, others: int
) -> None:
    plant_and_delete(shop, database, others=others)
    assert database.startswith("sqlite") or WORD.encode() in canary.dump(database, tmp_path)

    assert vacuum.vacuum_database(TABLES)

    assert WORD.encode() not in canary.dump(database, tmp_path)


def test_a_table_that_others_read_is_left_alone_and_told(database: str) -> None:
    if database.startswith("sqlite"):
        pytest.skip("SQLite's readers are waited for")
    with looked_at(database):
        assert not vacuum.vacuum_database(TABLES)

    assert vacuum.vacuum_database(TABLES)


def test_rows_that_another_snapshot_still_sees_are_told(
    database: str, shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if database.startswith("sqlite"):
        pytest.skip("SQLite's log is emptied once its readers are done")
    monkeypatch.setattr(vacuum, "MAX_ATTEMPTS", 2)
    with psycopg.connect(database) as report:
        report.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        report.execute("SELECT count(*) FROM flow")
        plant_and_delete(shop, database, others=0)
        report.execute("SELECT 1")
        assert not vacuum.vacuum_database(["event"])
    assert vacuum.vacuum_database(TABLES)
    assert WORD.encode() not in canary.dump(database, tmp_path)


def test_a_large_table_is_not_written_anew(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if database.startswith("sqlite"):
        pytest.skip("SQLite's readers keep the log that is emptied")
    monkeypatch.setattr(vacuum, "VACUUM_UP_TO", -1)
    with looked_at(database):  # which would keep a table from being written anew
        assert vacuum.vacuum_database(TABLES)
