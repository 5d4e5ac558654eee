"""What time it is where a shop or a shopper is."""

import json
import time
import zoneinfo
from collections.abc import Generator
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import psycopg
import pytest

from plugin import clock
from storage import orders
from storage.engine import db
from storage.orders import OrderRow
from tests.conftest import add_dewpoint

LOCAL_TIMES = json.loads(Path(__file__).with_name("local_times.json").read_text())


@pytest.mark.parametrize("each", LOCAL_TIMES, ids=lambda each: f"{each['zone']}-{each['instant']}")
def test_a_moment_is_told_in_the_time_of_its_zone(each):
    local = datetime.fromisoformat(each["instant"]).astimezone(zoneinfo.ZoneInfo(each["zone"]))

    assert local.strftime("%a %Y-%m-%d %H:%M:%S %z") == each["local"]


def test_zones_are_those_of_the_locked_release_and_not_of_the_machine():
    assert clock.now().tzinfo is not None
    assert zoneinfo.TZPATH == ()
    assert tuple(int(part) for part in version("tzdata").split(".")) >= (2026, 6)


@pytest.fixture
def elsewhere(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """A machine and a database server that both think they are in Vancouver."""
    monkeypatch.setenv("TZ", "America/Vancouver")
    time.tzset()
    if database_url.startswith("postgresql"):
        with psycopg.connect(database_url, autocommit=True) as connection:
            name = connection.info.dbname
            connection.execute(f"ALTER DATABASE {name} SET timezone TO 'America/Vancouver'")
        with psycopg.connect(database_url) as connection:
            assert connection.execute("SHOW timezone").fetchone() == ("America/Vancouver",)
    db.connect(database_url)
    yield
    db.disconnect()
    monkeypatch.undo()
    time.tzset()


def test_the_zones_of_the_machine_and_of_the_database_decide_nothing(elsewhere: None) -> None:
    shop = add_dewpoint()  # in New York
    midnight = datetime(2026, 11, 22, tzinfo=zoneinfo.ZoneInfo(shop.timezone))
    edges = [midnight + timedelta(days=day) for day in (-1, 0, 1)]
    placed = [midnight - timedelta(seconds=1), midnight, midnight + timedelta(hours=23)]
    with db.transaction() as session:
        orders.save_orders(session, [order(shop.id, n, at) for n, at in enumerate(placed, 1)], [])
    with db.reading() as session:
        by_day = orders.order_totals_by_day(session, shop.id, edges)
        kept = orders.orders_by_id(session, shop.id, (1, 2, 3))

    assert by_day == {0: (1, 1), 1: (2, 5)}
    assert [kept[n].placed_at for n in (1, 2, 3)] == placed
    assert kept[2].placed_at.isoformat() == "2026-11-22T05:00:00+00:00"


def order(shop_id: int, order_id: int, at: datetime) -> OrderRow:
    return {
        "shop_id": shop_id, "id": order_id, "profile_id": None, "source_profile_id": None,
        "number": f"#{order_id}", "placed_at": at, "updated_at": at, "reported_at": at,
        "cancelled_at": None, "total": order_id, "currency": "USD", "checkout_token": None,
        "cart_token": None, "discount_codes": [], "status_url": "",
    }  # fmt: skip
