"""Activity: each shopper's days are exact, also when two write at once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlmodel import Session

from storage import activity, events
from storage.engine import db
from storage.engine.ids import new_id
from storage.shops import Shop
from tests.state import check_activity

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHE = 77
WITHIN_S = 20.0

pytestmark = pytest.mark.usefixtures("database")


def view(session: Session, shop: Shop, at: datetime = AT) -> None:
    event = {"shop_id": shop.id, "id": new_id(), "profile_id": SHE, "source_profile_id": None,
             "metric": "Viewed Product", "unique_id": str(new_id()), "occurred_at": at,
             "value": None, "currency": None, "properties": {}}  # fmt: skip
    events.add_events(session, [event])


def counts(shop: Shop) -> activity.Counts:
    with db.reading() as session:
        check_activity(session, shop.id)
        return activity.counts_of(session, shop.id, SHE)


def test_a_day_is_one_of_utc_whatever_zone_tells_it(shop: Shop) -> None:
    late_in_new_york = datetime(2026, 11, 21, 22, tzinfo=timezone(timedelta(hours=-5)))
    with db.transaction() as session:
        view(session, shop)
        view(session, shop, late_in_new_york)

    days = counts(shop)["Viewed Product"]

    said = {activity.date_of_day(day).isoformat(): count for day, count in days.items()}
    assert said == {"2026-11-21": 1, "2026-11-22": 1}


def beside(shop: Shop, act: Callable[[Session], None]) -> None:
    """Look at a product in a transaction that is still open when another wants to do something."""

    def do() -> None:
        with db.transaction() as session:
            act(session)

    with ThreadPoolExecutor(1) as hands:
        with db.transaction() as session:
            view(session, shop)
            acting = hands.submit(do)
            time.sleep(0.3)  # it waits for us by then, or it has not waited at all
            waited = not acting.done()
        acting.result(WITHIN_S)
    assert waited


@pytest.mark.parametrize("known", [True, False])
def test_two_at_once_lose_nothing(shop: Shop, known: bool) -> None:
    with db.transaction() as session:
        if known:
            view(session, shop)

    beside(shop, lambda session: view(session, shop))

    assert counts(shop) == {"Viewed Product": {activity.day_of(AT): 2 + known}}


@pytest.mark.parametrize("known", [True, False])
def test_a_recount_beside_a_write_counts_that_too(shop: Shop, known: bool) -> None:
    with db.transaction() as session:
        if known:
            view(session, shop)

    beside(shop, lambda session: events.recount_activity(session, shop.id, [SHE]))

    assert counts(shop) == {"Viewed Product": {activity.day_of(AT): 1 + known}}


def test_events_deleted_beside_a_write_are_not_counted(shop: Shop) -> None:
    old = AT - timedelta(days=800)
    with db.transaction() as session:
        view(session, shop, old)

    beside(shop, lambda session: drop(session, shop))

    assert counts(shop) == {"Viewed Product": {activity.day_of(AT): 1}}


def drop(session: Session, shop: Shop) -> None:
    events.delete_events(session, shop.id, AT - timedelta(days=1), 10)


def test_twenty_hands_at_once_lose_nothing(shop: Shop) -> None:
    def do(number: int) -> None:
        with db.transaction() as session:
            view(session, shop, AT - timedelta(days=number % 3))

    with ThreadPoolExecutor(5) as hands:
        list(hands.map(do, range(20)))

    assert sum(counts(shop)["Viewed Product"].values()) == 20
