"""customers/data_request, customers/redact, shop/redact: requests under privacy law.

The topic stands in an unsigned header, so the signed body must have the topic's own shape: a
shopper's request must never empty a shop.
"""

from plugin import facts
from plugin.errors import MalformedError
from plugin.facts import Facts, PrivacyFact
from plugin.shopify.normalise.fields import customer_keys, object_of
from plugin.values import parse_time
from storage.engine.types import JsonObject
from storage.privacy_requests import PrivacyTopic
from storage.profiles import RecordKind

ORDERS = {PrivacyTopic.DATA_REQUEST: "orders_requested", PrivacyTopic.REDACT: "orders_to_redact"}


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """One request."""
    at = parse_time(payload.get("triggered_at"), "X-Shopify-Triggered-At")
    kind = PrivacyTopic(topic)
    if kind == PrivacyTopic.SHOP_REDACT:
        if {"customer", "data_request", *ORDERS.values()} & payload.keys():
            raise MalformedError("this body is not shop/redact's")
        return Facts(privacy_requests=[PrivacyFact(kind, at, at.isoformat())])
    if not isinstance(payload.get("customer"), dict) or (kind == PrivacyTopic.REDACT) == (
        "data_request" in payload
    ):
        raise MalformedError(f"this body is not {topic}'s")
    orders = payload.get(ORDERS[kind])
    keys = (
        *customer_keys(object_of(payload, "customer")),
        *facts.identity_keys(
            *((RecordKind.ORDER, number) for number in (orders if isinstance(orders, list) else ()))
        ),
    )
    request = object_of(payload, "data_request").get("id") or at.isoformat()
    named = [f"{key.kind}={key.value}" for key in keys]
    return Facts(privacy_requests=[PrivacyFact(kind, at, f"{request}:{named}", keys)])
