"""Any order of deliveries, with duplicates and latecomers, ends in the same state."""

import random
from datetime import timedelta

import pytest

from devstore.outbox import Request
from plugin import clock
from plugin.events.digest import digest
from storage import db, inbox
from storage.inbox import Arrival
from storage.shops import Shop, add_shop
from tests.state import state_of
from tests.story import Story


def deliver(shop: Shop, requests: list[Request]) -> None:
    with db.inbox_transaction() as session:
        inbox.keep(
            session,
            [
                Arrival(
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


@pytest.fixture(scope="module")
def story() -> Story:
    story = Story()
    for number in range(200):
        story.journey(number)
    return story


def test_two_hundred_journeys_shuffled_duplicated_and_late_give_the_same_state(
    database, shop, story, monkeypatch
):
    """Each time over on a second shop of the same database, digested in pieces of any size."""
    monkeypatch.setattr(clock, "now", lambda: story.at)
    told = story.deliveries()
    assert len(told) > 1_000
    deliver(shop, told)
    digest()
    in_order = state_of(shop.id)
    assert len(in_order["people"]) > 150
    assert len(in_order["orders"]) > 50

    for seed in (1, 2, 3):
        shuffled = random.Random(seed)
        other = another_shop(f"other{seed}.myshopify.com", story)
        late = [request for request in told if shuffled.random() < 0.05]
        mixed = [*told, *shuffled.sample(told, len(told) // 3)]
        mixed = [request for request in mixed if request not in late]
        shuffled.shuffle(mixed)
        while mixed:
            size = shuffled.randint(1, 400)
            deliver(other, mixed[:size])
            digest()
            del mixed[:size]
        monkeypatch.setattr(clock, "now", lambda: story.at + timedelta(days=2))
        deliver(other, late)
        digest()
        monkeypatch.setattr(clock, "now", lambda: story.at)

        assert state_of(other.id) == in_order


def another_shop(domain: str, story: Story) -> Shop:

    with db.transaction() as session:
        return add_shop(session, domain, story.at, currency="USD", country="US")
