"""app/uninstalled: the store is no longer ours to speak to."""

from plugin.facts import Facts, moment
from plugin.shopify.normalise.fields import Payload, own_domain


def normalise(topic: str, payload: Payload, currency: str) -> Facts:
    """When it happened, by the delivery's own time: the payload is the shop as it was."""
    at = moment(payload.get("triggered_at"), "X-Shopify-Triggered-At")
    return Facts(uninstalled_at=at, domain=own_domain(payload))
