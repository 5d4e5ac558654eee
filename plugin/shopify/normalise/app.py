"""app/uninstalled and app_subscriptions/update: how the store and we stand."""

from plugin.errors import MalformedError
from plugin.facts import Facts
from plugin.shopify.normalise.fields import object_of, own_domain
from plugin.values import parse_time
from storage.engine.types import JsonObject


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """When it happened, by the delivery's own time: the payload is the shop as it was."""
    at = parse_time(payload.get("triggered_at"), "X-Shopify-Triggered-At")
    return Facts(uninstalled_at=at, domain=own_domain(payload))


def plan(topic: str, payload: JsonObject, currency: str) -> Facts:
    """app_subscriptions/update: something about the shop's plan changed; Shopify knows what."""
    if not object_of(payload, "app_subscription"):
        raise MalformedError("app_subscription is missing")
    return Facts(plan_changed=True)
