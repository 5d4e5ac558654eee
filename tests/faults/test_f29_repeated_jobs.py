"""F29: a broker that delivers everything three times, at once: every effect happens once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlmodel import select, update

from plugin import clock
from plugin.channels.email import smtp
from plugin.flows import library
from plugin.flows.advance import advance_enrolments
from plugin.ingest.digest import digest_deliveries
from plugin.messages import send
from storage import arrivals, flows
from storage.arrivals import NewDelivery
from storage.engine import db
from storage.flows import Enrolment
from storage.messages import Message, MessageState
from storage.shops import Shop
from tests.plugin.channels.relay import Relay
from tests.story import Story

SHOPPERS = 25
TIMES = 3


@pytest.fixture
def story(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Story:
    """Shoppers who agreed to mails, and left the checkout."""
    story = Story()
    monkeypatch.setattr(clock, "now", lambda: story.at)
    library.seed_flows(shop.id)
    with db.reading() as session:
        every = [flow.id for flow in flows.flows_of(session, shop.id)]
    for flow_id in every:
        library.set_status(shop.id, flow_id, True)
    variant = story.store.products()[0]["variants"][0]["id"]
    for number in range(SHOPPERS):
        story.store.subscribe_newsletter(f"shopper{number}@example.com")
        cart = story.store.add_to_cart(None, variant)
        story.store.start_checkout(cart["token"], f"shopper{number}@example.com")
        story.wait(seconds=1)
    return story


def three_times(work: Callable[[], object]) -> None:
    """Run the work in three threads at once."""

    def run() -> None:
        work()
        smtp.close_connection()

    with ThreadPoolExecutor(TIMES) as workers:
        for done in [workers.submit(run) for _ in range(TIMES)]:
            done.result()


def deliver(shop: Shop, story: Story) -> None:
    def arrival(headers: dict[str, str], body: bytes) -> NewDelivery:
        said = [headers[f"X-Shopify-{name}"] for name in ("Webhook-Id", "Topic", "API-Version")]
        return NewDelivery(shop.id, *said, headers["X-Shopify-Triggered-At"], story.at, body)

    arrivals.add_deliveries([arrival(*each) for each in story.deliveries()])


def work(shop: Shop, now: datetime) -> None:
    """Run the clock and the workers once, each job enqueued three times."""
    with db.transaction() as session:
        session.connection().execute(
            update(Enrolment).where(Enrolment.shop_id == shop.id).values(lease_until=0.0)
        )
    with db.transaction() as session:
        due = [number for _, number in flows.claim_due(session, now, 1_000)]
    three_times(lambda: advance_enrolments(shop.id, due))
    with db.reading() as session:
        query = select(Message.id).where(
            Message.shop_id == shop.id, Message.state == MessageState.DUE
        )
        ids = list(session.exec(query))
    three_times(lambda: send.send_messages(shop.id, ids))


def test_f29_a_job_delivered_three_times_at_once_has_its_effect_once(
    database: str, shop: Shop, relay: Relay, story: Story
) -> None:
    deliver(shop, story)
    three_times(digest_deliveries)
    work(shop, story.at)
    assert not relay.raw

    for waited, mails in (({"hours": 1}, 1), ({"days": 1, "seconds": 1}, 2)):
        story.wait(**waited)
        work(shop, story.at)
        got = Counter(str(mail["To"]) for mail in relay.mails())
        assert got == {f"shopper{n}@example.com": mails for n in range(SHOPPERS)}
    with db.reading() as session:
        (flow,) = [f for f in flows.flows_of(session, shop.id) if f.name == "Abandoned checkout"]
        steps = flows.count_steps(session, shop.id, flow.id)
    outcomes = Counter(
        {(action, outcome): n for action, each in steps.items() for outcome, n in each.items()}
    )
    assert set(outcomes.values()) == {SHOPPERS}
