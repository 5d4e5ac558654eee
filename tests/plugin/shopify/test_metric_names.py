"""Which metric, as Klaviyo names it, each of the storefront's words becomes."""

from typing import Any

import pytest

from admin_ui.kit import words
from plugin.ingest import pixel
from plugin.manifest import topic_handlers
from plugin.metrics import STANDARD
from plugin.shopify.normalise.route import normaliser
from tests.extensions.test_pixel import SOURCE

ORDER = {"Placed Order", "Ordered Product", "Cancelled Order"}
BY_TOPIC: dict[str, set[str]] = {
    "carts/create": {"Added to Cart"},
    "carts/update": {"Added to Cart"},
    "checkouts/create": {"Checkout Started"},
    "checkouts/update": {"Checkout Started"},
    "orders/create": ORDER,
    "orders/updated": ORDER,
    "orders/cancelled": ORDER,
    "orders/paid": ORDER,
    "orders/fulfilled": ORDER | {"Fulfilled Order"},
    "orders/partially_fulfilled": ORDER | {"Fulfilled Partial Order"},
    "orders/edited": {"Edited Order"},
    "orders/delete": {"Deleted Order"},
    "refunds/create": {"Refunded Order"},
    "order_transactions/create": {"Order Transaction"},
    "fulfillments/create": {"Confirmed Shipment"},
    "fulfillments/update": {"Confirmed Shipment"},
    "fulfillment_events/create": {"Delivered Shipment"},
    "returns/request": {"Requested Return"},
    "returns/approve": {"Approved Return"},
    "returns/decline": {"Declined Return"},
    "returns/cancel": {"Cancelled Return"},
    "returns/close": {"Closed Return"},
    "returns/reopen": {"Reopened Return"},
    "subscription_contracts/create": {"Started Subscription"},
    "subscription_contracts/activate": {"Activated Subscription"},
    "subscription_contracts/pause": {"Paused Subscription"},
    "subscription_contracts/cancel": {"Cancelled Subscription"},
    "subscription_contracts/expire": {"Expired Subscription"},
    "subscription_contracts/fail": {"Failed Subscription"},
    "subscription_billing_attempts/success": {"Subscription Order Paid"},
    "subscription_billing_attempts/failure": {"Subscription Payment Failed"},
    "subscription_billing_attempts/challenged": {"Subscription Payment Challenged"},
}
# These describe a person or a thing; they are no actions.
NO_ACT = {
    "products/create", "products/update", "products/delete", "customers/create", "customers/update",
    "customers/enable", "customers/disable", "customers/merge", "customers/purchasing_summary",
    "customers_email_marketing_consent/update", "customers_marketing_consent/update",
    "customers_whats_app_marketing_consent/update", "customer.tags_added", "customer.tags_removed",
    "app/uninstalled", "app_subscriptions/update", "app/scopes_update", "shop/update",
    "bulk_operations/finish", "collections/create", "collections/update",
    "collections/delete", "variants/in_stock", "variants/out_of_stock", "inventory_levels/connect",
    "inventory_levels/update", "inventory_levels/disconnect", "discounts/redeemcode_removed",
    "discounts/delete", "subscription_contracts/update",
}  # fmt: skip
AT = "2026-11-21T12:00:00Z"
ANY: dict[str, Any] = {  # what the topics of acts read, all in one body
    "id": 5, "order_id": 6, "token": "t-1", "created_at": AT, "updated_at": AT, "cancelled_at": AT,
    "triggered_at": AT, "happened_at": AT, "currency": "USD", "total_price": "42.00",
    "status": "delivered", "fulfillment_id": 7, "customer_id": 8, "subscription_contract_id": 9,
    "line_items": [{"title": "Balm", "quantity": 1, "price": "42.00", "variant_id": 3}],
    "order_edit": {"id": 4, "order_id": 6, "created_at": AT},
}  # fmt: skip


@pytest.mark.parametrize("topic", sorted(BY_TOPIC))
def test_a_topic_becomes_its_metrics(topic: str) -> None:
    understand = normaliser(topic)
    assert understand is not None

    facts = understand(topic, ANY, "USD")

    assert {did.metric for did in facts.events} == BY_TOPIC[topic]


def test_every_topic_has_its_place_here() -> None:
    compliance = {topic for topic in topic_handlers() if topic.endswith(("redact", "data_request"))}
    assert topic_handlers().keys() == BY_TOPIC.keys() | NO_ACT | compliance


def test_every_event_of_the_pixel_is_a_metric_or_said_elsewhere() -> None:
    told = SOURCE.split("const EVENTS = {")[1].split("};")[0]
    names = {line.split(":")[0].strip() for line in told.splitlines() if line.startswith("    ")}
    heard = {name for name in names if name.isidentifier() and name.islower()}

    assert pixel.METRICS.keys() | pixel.METRICS_FROM_WEBHOOKS == heard - {
        "collection_id",
        "title",
    }


def test_every_metric_is_known_by_name_and_has_words() -> None:
    said = {*pixel.METRICS.values()}.union(*BY_TOPIC.values())

    assert said <= STANDARD.keys() <= words.METRICS.keys()
