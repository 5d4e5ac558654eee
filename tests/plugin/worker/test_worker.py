"""The workers: what is enqueued twice they do once."""

import threading

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from plugin import clock, jobs
from plugin.profiles.duplicates import SLICE_JOB
from plugin.worker import actors, scheduler, senders
from storage import duplicates
from storage.engine import db
from storage.profiles import Profile
from storage.shops import Shop
from tests.plugin.messages.world import build


def test_a_store_is_synced_by_one_worker_at_a_time(
    database: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, let_go = threading.Event(), threading.Event()
    synced: list[int] = []

    def sync_products(shop_id: int) -> None:
        synced.append(shop_id)
        inside.set()
        let_go.wait(10)

    monkeypatch.setattr(actors.onboard, "seed_library", lambda shop_id: None)
    monkeypatch.setattr(actors.web_pixel, "ensure_pixel", lambda shop_id: None)
    monkeypatch.setattr(actors, "publish_forms", lambda shop_id: None)
    monkeypatch.setattr(actors.products, "sync_products", sync_products)
    first = threading.Thread(target=actors.sync_catalog.fn, args=(shop.id,))
    first.start()
    assert inside.wait(10)

    second = threading.Thread(target=actors.sync_catalog.fn, args=(shop.id,))
    second.start()
    second.join(5)
    came_back = not second.is_alive()
    let_go.set()
    first.join(10)
    second.join(10)

    assert came_back
    assert synced == [shop.id]


def test_a_large_catalog_may_take_hours(sqlite: str) -> None:
    ten_minutes_ms = 600_000  # dramatiq's limit for an actor that names none

    assert actors.sync_catalog.options["time_limit"] > 10 * ten_minutes_ms


def test_the_clock_enqueues_unchecked_profiles(shop: Shop, broker: StubBroker) -> None:
    now = clock.now()
    with db.transaction() as session:
        session.add(
            Profile(
                shop_id=shop.id, id=1, email="maya@gmail.com", created_at=now, last_active_at=now
            )
        )
        session.flush()
        duplicates.mark_unchecked(session, shop.id, [1])

    scheduler.enqueue_slices([SLICE_JOB])
    assert broker.queues["likeness"].qsize() == 1
    actors.SLICE_ACTORS["likeness"].fn(shop.id)
    scheduler.enqueue_slices([SLICE_JOB])

    assert broker.queues["likeness"].qsize() == 1


def test_while_a_senders_queue_is_full_the_clock_offers_it_no_more(
    shop: Shop, broker: StubBroker
) -> None:
    world = build(shop)
    for transactional in (False, True):
        world.queue(transactional=transactional)
    for _ in range(jobs.MAX_WAITING_JOBS):
        jobs.enqueue("send", shop.id, [])

    scheduler.enqueue_due_work()
    assert broker.queues["send"].qsize() == jobs.MAX_WAITING_JOBS
    assert broker.queues["send_first"].qsize() == 1

    broker.queues["send"].queue.clear()
    scheduler.enqueue_due_work()
    assert broker.queues["send"].qsize() == 1


def test_every_queue_has_an_actor_of_its_name() -> None:
    """A job is enqueued by one name, for the queue and for the actor."""
    both = [*vars(actors).values(), *vars(senders).values()]
    declared = [each for each in both if isinstance(each, dramatiq.Actor)]

    assert len(declared) > 5
    assert [each.actor_name for each in declared if each.actor_name != each.queue_name] == []
