"""Retention: expired data is deleted in time, and nothing else is."""

import threading
from datetime import datetime, timedelta

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from sqlmodel import Session

from plugin import clock
from plugin.jobs import run_slice
from plugin.privacy import retention
from plugin.worker import scheduler
from storage import (
    access_log,
    activity,
    arrivals,
    events,
    failed_webhooks,
    inbox_claims,
    shops,
    visits,
)
from storage.arrivals import NewDelivery
from storage.engine import db
from storage.engine.ids import new_id
from storage.inbox import Delivery, DeliveryState, get_delivery
from storage.shops import Shop
from storage.visits import Visit

pytestmark = pytest.mark.usefixtures("database")


def keep(shop: Shop, name: str, at: datetime, state: str) -> None:
    arrival = NewDelivery(shop.id, name, "orders/create", "2026-10", "", at, b"{}")
    arrivals.add_deliveries([arrival])
    with db.inbox_transaction() as session:
        arrivals.take_in_arrivals(session)
        inbox_claims.settle_deliveries(session, shop.id, [name], state, error="no amount")


def test_digested_deliveries_go_after_a_week_and_nothing_else_does(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "RETENTION_BATCH_SIZE", 2)
    now = clock.now()
    old, young = now - timedelta(days=7, minutes=1), now - timedelta(days=6)
    for number in range(5):
        keep(shop, f"old-{number}", old, DeliveryState.DONE)
    kept = {
        "young": (young, DeliveryState.DONE),
        "waits": (old, DeliveryState.NEW),
        "puzzling": (old, DeliveryState.QUARANTINED),
    }
    for name, (at, state) in kept.items():
        keep(shop, name, at, state)

    run_slice(retention.SLICE_JOB, shop.id)

    with db.inbox_reading() as session:
        assert all(get_delivery(session, shop.id, name) for name in kept)
        assert not any(get_delivery(session, shop.id, f"old-{number}") for number in range(5))


def test_a_failed_webhook_loses_its_content_after_a_month_and_keeps_its_reason(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "RETENTION_BATCH_SIZE", 2)
    now = clock.now()
    for number in range(5):
        keep(shop, f"old-{number}", now - timedelta(days=30, hours=2), DeliveryState.QUARANTINED)
    keep(shop, "young", now - timedelta(days=29), DeliveryState.QUARANTINED)
    with db.reading() as session:
        assert retention.find_due_shops(session, now) == [shop.id]

    run_slice(retention.SLICE_JOB, shop.id)

    with db.inbox_transaction() as session:
        held = {row.webhook_id: row for row in failed_webhooks.quarantined(session, shop.id)}
        emptied = [held[f"old-{number}"] for number in range(5)]
        assert {body_of(session, row) for row in emptied} == {b""}
        assert {(row.topic, row.error) for row in emptied} == {("orders/create", "no amount")}
        assert body_of(session, held["young"]) == b"{}"
        assert failed_webhooks.count_quarantined(session, shop.id) == 1
        assert failed_webhooks.offer_all_again(session, shop.id) == 1, "nothing is left to retry"
    with db.reading() as session:
        assert retention.find_due_shops(session, now) == []


def body_of(session: Session, delivery: Delivery) -> bytes:
    return arrivals.get_body(session, delivery.shop_id, delivery.arrival_id)


def did(shop: Shop, at: datetime) -> None:
    """An event and a visit of that day."""
    of = {"shop_id": shop.id, "profile_id": 1}
    event = {**of, "id": new_id(), "source_profile_id": None, "metric": "Viewed Product",
             "unique_id": str(new_id()), "occurred_at": at, "value": None, "currency": None,
             "properties": {}}  # fmt: skip
    visit = Visit(
        **of, id=new_id(), browser_id="b-1", started_at=at, last_seen_at=at, pages=1, dwell_s=0
    )
    with db.transaction() as session:
        events.add_events(session, [event])
        session.add(visit)


def test_o12_events_and_visits_go_after_25_months_in_small_pieces(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "RETENTION_BATCH_SIZE", 2)
    now = clock.now()
    for number in range(5):
        did(shop, now - timedelta(days=762 + number))
    young = now - timedelta(days=759)
    did(shop, young)

    run_slice(retention.SLICE_JOB, shop.id)

    with db.reading() as session:
        (event,) = events.latest_events(session, shop.id)
        (visit,) = visits.visits_page(session, shop.id, 1, 10)
        counts = activity.counts_of(session, shop.id, 1)
    assert (event.occurred_at, visit.last_seen_at) == (young, young)
    assert counts == {"Viewed Product": {activity.day_of(young): 1}}


def test_one_turn_ends_in_time_and_each_kind_has_its_piece_of_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "RETENTION_BATCH_SIZE", 2)
    old = clock.now() - timedelta(days=770)
    for number in range(6):
        keep(shop, str(number), old, DeliveryState.DONE)
        did(shop, old)

    run_slice(retention.SLICE_JOB, shop.id, 0.0)

    with db.inbox_reading() as session:
        assert sum(get_delivery(session, shop.id, str(n)) is not None for n in range(6)) == 4
    with db.reading() as session:
        assert len(events.latest_events(session, shop.id)) == 4
        assert len(visits.visits_page(session, shop.id, 1, 10)) == 4


def enqueued_shops(broker: StubBroker) -> set[int]:
    """Return the shops that the clock enqueues now."""
    scheduler.enqueue_slices([retention.SLICE_JOB])
    queue = broker.queues["retention"]
    messages = [dramatiq.Message.decode(queue.get_nowait()) for _ in range(queue.qsize())]
    return {message.args[0] for message in messages}


def neighbour(name: str) -> Shop:
    with db.transaction() as session:
        return shops.add_shop(session, f"{name}.myshopify.com", clock.now())


def test_the_clock_enqueues_only_shops_with_expired_data(shop: Shop, broker: StubBroker) -> None:
    now = clock.now()
    told, seen, visited = neighbour("told"), neighbour("seen"), neighbour("visited")
    keep(told, "old", now - timedelta(days=8), DeliveryState.DONE)
    keep(shop, "young", now - timedelta(days=6), DeliveryState.DONE)
    keep(shop, "puzzling", now - timedelta(days=8), DeliveryState.QUARANTINED)
    did(seen, now - timedelta(days=763))
    did(visited, now - timedelta(days=763))
    did(shop, now - timedelta(days=759))
    with db.transaction() as session:  # of a visit the end counts, and it has no event any more
        events.delete_events(session, visited.id, now - timedelta(days=762), 10)

    assert enqueued_shops(broker) == {told.id, seen.id, visited.id}
    for each in (told, seen, visited):
        run_slice(retention.SLICE_JOB, each.id)
    assert enqueued_shops(broker) == set()


def test_a_busy_shop_is_not_rung_for_in_every_minute(shop: Shop, broker: StubBroker) -> None:
    week = clock.now() - timedelta(days=7)
    keep(shop, "just", week - timedelta(minutes=1), DeliveryState.DONE)

    assert enqueued_shops(broker) == set()
    keep(shop, "long", week - timedelta(minutes=61), DeliveryState.DONE)
    assert enqueued_shops(broker) == {shop.id}


def test_the_clock_finds_what_is_over_while_a_shop_is_written(
    shop: Shop, broker: StubBroker
) -> None:
    did(shop, clock.now() - timedelta(days=763))
    found: list[set[int]] = []
    looks = threading.Thread(target=lambda: found.append(enqueued_shops(broker)))

    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        looks.start()
        looks.join(20)
        assert found == [{shop.id}]


def test_access_log_entries_are_deleted_after_a_year(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "RETENTION_BATCH_SIZE", 2)
    now = clock.now()
    with db.transaction() as session:
        for days in (364, 366, 367, 368):
            at = now - timedelta(days=days)
            access_log.add_entry(
                session, shop.id, at, "42", act="read", page="audience", profile_id=None
            )

    retention.delete_access_log()

    with db.reading() as session:
        (row,) = access_log.entries_page(session, shop.id, 10)
    assert row.at == now - timedelta(days=364)
