"""P07: any order of webhooks and words, with repeats and two days late, ends in the same state."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from plugin.facts import Facts, IdentityKey, ProfileFact, merge_facts
from plugin.ingest.digest import parse_delivery
from plugin.ingest.record import record_facts
from storage.inbox_claims import ClaimedDelivery
from storage.profiles import DataSource, IdentityKind
from storage.shops import Shop, add_shop
from tests.properties.examples import thousand
from tests.state import state_in
from tests.story import Story


@pytest.fixture(scope="module")
def story() -> Story:
    """Return a shopper who registers, fills a cart twice, buys, and unsubscribes."""
    story = Story(seed=22)
    story.journey(0)
    return story


@pytest.fixture(scope="module")
def deliveries(story: Story) -> list[ClaimedDelivery]:
    """Return the store's deliveries about the shopper, as the inbox keeps them."""
    return [
        ClaimedDelivery(
            shop_id=1,
            webhook_id=request.headers["X-Shopify-Webhook-Id"],
            topic=request.topic,
            triggered_at=request.headers["X-Shopify-Triggered-At"],
            attempts=1,
            body=request.body,
        )
        for request in story.deliveries()
    ]


@pytest.fixture(scope="module")
def words(story: Story) -> list[Facts]:
    """Return other sources' facts on the shopper's skin: a merchant clears it, then a stranger
    fills in a form.
    """
    said = [
        ("oily", 3, "form"),
        ("dry", 2, "import"),
        (None, 1, DataSource.MERCHANT),
        ("dry", 0, DataSource.UNPROVEN),
    ]
    her = (IdentityKey(IdentityKind.EMAIL, "shopper0@example.com"),)
    return [
        Facts(
            profiles=[
                ProfileFact(her, story.at - timedelta(days=days), {}, {"skin": value}, "", source)
            ]
        )
        for value, days, source in said
    ]


def opened(session: Session, story: Story) -> Shop:
    shop = add_shop(session, "order.myshopify.com", story.at, currency="USD", country="US")
    session.flush()
    return shop


def tell(
    session: Session,
    shop: Shop,
    told: Sequence[ClaimedDelivery | Facts],
    parts: list[float],
    story: Story,
) -> None:
    """Record deliveries in some batches, the last of them two days late."""
    said = [
        parse_delivery(each, "USD") if isinstance(each, ClaimedDelivery) else each for each in told
    ]
    edges = [0, *sorted(int(len(said) * part) for part in parts), len(said)]
    for start, end in pairwise(edges):
        late = timedelta(days=2) if end == len(said) else timedelta()
        if start < end:
            record_facts(session, shop, merge_facts(said[start:end]), story.at + late)


@pytest.fixture
def in_order(
    example, story: Story, deliveries: list[ClaimedDelivery], words: list[Facts]
) -> dict[str, Any]:
    """The state after everything came once, as it happened."""
    with example() as session:
        shop = opened(session, story)
        tell(session, shop, [*words, *deliveries], [], story)
        found = state_in(session, shop.id)
    assert len(found["events"]) > 5
    assert "'skin': None" in str(found["people"])
    return found


@thousand
@given(
    order=st.randoms(use_true_random=False),
    repeats=st.floats(0, 1),
    parts=st.lists(st.floats(0, 1), max_size=2),
)
def test_p07_any_order_of_webhooks_gives_the_same_state(
    example, story, deliveries, words, in_order, order, repeats, parts
):
    with example() as session:
        shop = opened(session, story)
        told = [*words, *deliveries]
        told += [each for each in told if order.random() < repeats]
        order.shuffle(told)
        tell(session, shop, told, list(parts), story)
        assert state_in(session, shop.id) == in_order
