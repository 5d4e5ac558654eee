"""app/uninstalled and app_subscriptions/update: how the store and we stand."""

from plugin.facts import Facts, MalformedError, moment
from plugin.shopify.normalise.fields import Payload, own_domain, part


def normalise(topic: str, payload: Payload, currency: str) -> Facts:
    """When it happened, by the delivery's own time: the payload is the shop as it was."""
    at = moment(payload.get("triggered_at"), "X-Shopify-Triggered-At")
    return Facts(uninstalled_at=at, domain=own_domain(payload))


def plan(topic: str, payload: Payload, currency: str) -> Facts:
    """app_subscriptions/update: something about the shop's plan changed; Shopify knows what."""
    if not part(payload, "app_subscription"):
        raise MalformedError("app_subscription is missing")
    return Facts(plan_changed=True)
