"""All the ways in, as routes."""

from starlette.routing import BaseRoute

from plugin.manifest import load_manifest
from plugin.runtime.web import NoThreadRoute
from webhooks import (
    confirmations,
    links,
    metrics,
    pixel,
    preferences,
    sender_proofs,
    storefront,
)
from webhooks.shopify import ShopifyWebhook


def routes() -> list[BaseRoute]:
    """Webhooks, the app proxy, the pixel, the links in messages, and monitoring."""
    uri = load_manifest()["webhooks"]["uri"]
    return [
        NoThreadRoute(uri, ShopifyWebhook()),
        *storefront.routes(),
        *pixel.routes(),
        *links.routes(),
        *preferences.routes(),
        *confirmations.routes(),
        *sender_proofs.routes(),
        *metrics.routes(),
    ]
