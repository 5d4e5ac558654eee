"""app/uninstalled: the store is no longer ours to speak to."""

from plugin.facts import Facts, moment
from plugin.shopify.normalise.fields import Payload


def normalise(topic: str, payload: Payload, currency: str) -> Facts:
    """When it happened, by the delivery's own time: the payload is the shop as it was."""
    return Facts(uninstalled_at=moment(payload.get("triggered_at"), "X-Shopify-Triggered-At"))
