"""F22: ten times the usual load at once is accepted, and a shopper who waits for a mail gets it.

Behind the burst thousands of mails of flows are due; what a shopper asked for goes before them.
"""

import time
from datetime import timedelta

import pytest

from plugin import clock
from plugin.worker import scheduler, senders
from storage import shops
from storage.engine import db
from storage.engine.ids import new_id
from storage.messages import MessageState, add_messages
from storage.shops import Shop
from tests.faults.served import DOMAINS, Served, tell
from tests.plugin.messages.world import World, build
from tests.sizes import PATIENCE, size

CALM, BURST = size(((1, 20), (3, 200)), ((10, 50), (60, 500)))
CROWD, ASKS, EVERY_S = size((400, 5, 0.5), (50_000, 60, 1.0))
DRAINED_S = 300.0
MAILED_S = 60.0  # orderly; the figure to reach is five


def outbox(world: World, count: int, *, transactional: bool, **more: object) -> list[int]:
    """Queue mails to one shopper, long due unless a shopper waits for them."""
    now = clock.now()
    due = now if transactional else now - timedelta(hours=1)
    rows = [
        {
            "shop_id": world.shop.id, "id": new_id(), "idempotency_key": f"mail:{new_id()}",
            "channel": "email",
            "profile_id": world.profile_id, "transactional": transactional,
            "event_id": world.event_id, "template_id": world.ids["checkout_reminder_1"],
            "due_at": due, "created_at": now, **more,
        }
        for _ in range(count)
    ]  # fmt: skip
    with db.transaction() as session:
        return sorted(add_messages(session, rows))


def test_f22_o10_awaited_mail_is_queued_before_all_other_work(
    shop: Shop, broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "CLAIM_BATCH_SIZE", 100)
    world = build(shop)
    outbox(world, 150, transactional=False)
    (awaited,) = outbox(world, 1, transactional=True)

    scheduler.enqueue_due_work()

    (first,) = list(broker.queues["send_first"].queue)
    assert str(awaited).encode() in first
    assert broker.queues["send"].qsize() == 1
    assert senders.send_first.priority < senders.send.priority


def test_f22_a_burst_is_accepted_and_requested_mails_stay_fast(tmp_path, relay) -> None:
    with Served(tmp_path, whole=True, smtp_url=relay.url) as served:
        with db.transaction() as session:
            shop = shops.shop_by_domain(session, DOMAINS[0])
            assert shop
            shop.email = shop.sender_email = "hello@dewpoint.example"
            shop.postal_address = "12 Mill Lane"
        world = build(shop)
        asked: list[int] = []
        with served.loading(CALM, BURST) as result:
            outbox(world, CROWD, transactional=False)
            for _ in range(ASKS):
                asked += outbox(world, 1, transactional=True)
                time.sleep(EVERY_S)
            loaded, answered = result()
        drained_s = served.drain(DRAINED_S)
        until = time.monotonic() + MAILED_S * PATIENCE
        while any(world.read(each).state != MessageState.ACCEPTED for each in asked):
            assert time.monotonic() < until
            time.sleep(0.1)

        mails = [world.read(each) for each in asked]
        waited = sorted((each.sent_at - each.due_at).total_seconds() for each in mails)
        sent = sum(int(seconds * per_second) for seconds, per_second in (CALM, BURST))
        calm, burst = loaded.parts
        tell("F22", sent=sent, answers=loaded.statuses, calm_p99_ms=calm["p99_ms"],
             burst_p50_ms=burst["p50_ms"], burst_p99_ms=burst["p99_ms"],
             drained_s=round(drained_s, 1), flow_mails=CROWD,
             mail_p50_s=waited[len(waited) // 2],
             mail_p95_s=waited[len(waited) * 95 // 100])  # fmt: skip
        assert loaded.statuses == {"200": sent}
        assert served.missing(answered) == set()
        assert waited[-1] < MAILED_S * PATIENCE
