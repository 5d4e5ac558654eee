"""P07: any order of webhooks, with repeats and two days late, ends in the same state."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from plugin.events.digest import understand
from plugin.events.record import record
from plugin.facts import Facts, merge
from storage.inbox import Delivery
from storage.shops import Shop, add_shop
from tests.properties.examples import thousand
from tests.state import state_in
from tests.story import Story


@pytest.fixture(scope="module")
def story() -> Story:
    """A shopper who registers, fills her cart twice, buys, and unsubscribes."""
    story = Story(seed=22)
    story.journey(0)
    return story


def read(story: Story) -> list[Facts]:
    """What each delivery says, anew: recording may change what it is given."""
    return [
        understand(
            Delivery(
                shop_id=1,
                webhook_id=request.headers["X-Shopify-Webhook-Id"],
                topic=request.topic,
                triggered_at=request.headers["X-Shopify-Triggered-At"],
                received_at=story.at,
                body=request.body,
            ),
            "USD",
        )
        for request in story.deliveries()
    ]


def opened(session: Session, story: Story) -> Shop:
    shop = add_shop(session, "order.myshopify.com", story.at, currency="USD", country="US")
    session.flush()
    return shop


def tell(session: Session, shop: Shop, said: list[Facts], parts: list[float], story: Story) -> None:
    """Record deliveries in some batches, the last of them two days late."""
    edges = [0, *sorted(int(len(said) * part) for part in parts), len(said)]
    for start, end in pairwise(edges):
        late = timedelta(days=2) if end == len(said) else timedelta()
        if start < end:
            record(session, shop, merge(said[start:end]), story.at + late)


@pytest.fixture
def in_order(example, story: Story) -> dict[str, Any]:
    """The state after everything came once, as it happened."""
    with example() as session:
        shop = opened(session, story)
        tell(session, shop, read(story), [], story)
        found = state_in(session, shop.id)
    assert len(found["events"]) > 5
    return found


@thousand
@given(
    order=st.randoms(use_true_random=False),
    repeats=st.floats(0, 1),
    parts=st.lists(st.floats(0, 1), max_size=2),
)
def test_p07_any_order_of_webhooks_gives_the_same_state(
    example, story, in_order, order, repeats, parts
):
    with example() as session:
        shop = opened(session, story)
        told = [*read(story), *(each for each in read(story) if order.random() < repeats)]
        order.shuffle(told)
        tell(session, shop, told, list(parts), story)
        assert state_in(session, shop.id) == in_order
