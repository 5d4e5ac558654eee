"""F18: webhooks that come five times, shuffled and two days late, end in the state of a fault-free
run.

Webhooks that never come are repaired by reconciliation: tests/plugin/sync/test_reconcile.py.
"""

import random
from datetime import timedelta
from itertools import compress

import pytest
from sqlmodel import Session, col, select, update

from devstore.shop.outbox import Request
from plugin import clock
from plugin.flows import library
from plugin.flows.advance import advance_enrolments
from plugin.ingest.digest import digest_deliveries
from storage import arrivals, flows
from storage.arrivals import NewDelivery
from storage.engine import db
from storage.events import Event
from storage.flows import Enrolment
from storage.messages import Message
from storage.orders import Order
from storage.shops import Shop, add_shop
from tests.faults.served import tell
from tests.sizes import size
from tests.state import state_of
from tests.story import Story

JOURNEYS, RUNS = size((200, 1), (8_000, 3))
TIMES = 5


@pytest.fixture(scope="module")
def story() -> Story:
    """Journeys of which each has about six deliveries."""
    story = Story()
    for number in range(JOURNEYS):
        story.journey(number)
    return story


def deliver(shop: Shop, requests: list[Request]) -> None:
    arrivals.add_deliveries(
        [
            NewDelivery(
                shop.id,
                request.headers["X-Shopify-Webhook-Id"],
                request.topic,
                request.headers["X-Shopify-API-Version"],
                request.headers["X-Shopify-Triggered-At"],
                clock.now(),
                request.body,
            )
            for request in requests
        ],
    )


def in_pieces(shop: Shop, requests: list[Request], chance: random.Random) -> None:
    """Digested in pieces of any size."""
    while requests:
        several = chance.randint(1, max(400, len(requests) // 20))
        deliver(shop, requests[:several])
        digest_deliveries()
        del requests[:several]


def another_shop(domain: str, story: Story) -> Shop:
    with db.transaction() as session:
        return add_shop(session, domain, story.at, currency="USD", country="US")


def test_f18_journeys_shuffled_repeated_and_late_end_in_the_same_state(
    database, shop, story, monkeypatch
):
    monkeypatch.setattr(clock, "now", lambda: story.at)
    told = story.deliveries()
    assert len(told) > 5 * JOURNEYS
    deliver(shop, told)
    digest_deliveries()
    in_order = state_of(shop.id)
    assert len(in_order["people"]) > 0.75 * JOURNEYS
    assert len(in_order["orders"]) > 0.25 * JOURNEYS

    for seed in range(RUNS):
        chance = random.Random(seed)
        other = another_shop(f"other{seed}.myshopify.com", story)
        is_late = [chance.random() < 0.05 for _ in told]
        late = list(compress(told, is_late))
        mixed = [each for each, waits in zip(told, is_late, strict=True) if not waits] * TIMES
        chance.shuffle(mixed)
        in_pieces(other, mixed, chance)
        monkeypatch.setattr(clock, "now", lambda: story.at + timedelta(days=2))
        in_pieces(other, late, chance)
        monkeypatch.setattr(clock, "now", lambda: story.at)

        assert state_of(other.id) == in_order
    tell("F18", deliveries=len(told), times=TIMES, runs=RUNS, on=database.partition(":")[0])


@pytest.mark.parametrize("late", [timedelta(hours=2), timedelta(hours=48)])
def test_f18_a_cart_webhook_after_its_order_sends_no_reminder(
    sqlite, shop, broker, story, monkeypatch, late
):
    at = story.at
    monkeypatch.setattr(clock, "now", lambda: at)
    library.seed_flows(shop.id)
    with db.reading() as session:
        every = [flow.id for flow in flows.flows_of(session, shop.id)]
    for flow_id in every:
        library.set_status(shop.id, flow_id, True)
    told = story.deliveries()[-1_200:]
    sold = [request for request in told if request.topic.startswith("orders/")]
    deliver(shop, sold)
    digest_deliveries()

    at += late
    deliver(shop, [request for request in told if request not in sold])
    digest_deliveries()
    for _ in range(3):  # the first reminder, the second, and any that should not come after them
        at += timedelta(days=1)
        work(shop)

    with db.reading() as session:
        reminded, ordered = tokens(session, shop)
    assert len(ordered) > 50
    assert not reminded & ordered
    assert bool(reminded) == (late < timedelta(hours=24))  # older events start nothing at all


def work(shop: Shop) -> None:
    """What the clock and a worker do once."""
    with db.transaction() as session:
        mine = update(Enrolment).where(col(Enrolment.shop_id) == shop.id)
        session.connection().execute(mine.values(lease_until=0.0))
    with db.transaction() as session:
        due = [each for _, each in flows.claim_due(session, clock.now(), 10_000)]
    advance_enrolments(shop.id, due)


def tokens(session: Session, shop: Shop) -> tuple[set[str], set[str]]:
    """Return the checkouts that got a reminder, and those that were bought."""
    events = session.exec(
        select(Event)
        .join(Message, (col(Message.shop_id) == Event.shop_id) & (Message.event_id == Event.id))
        .where(Event.shop_id == shop.id, Event.metric == "Checkout Started")
    )
    orders = session.exec(select(Order.checkout_token).where(Order.shop_id == shop.id))
    return {event.unique_id for event in events}, {token for token in orders if token}
