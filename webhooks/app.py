"""All the ways in, as routes."""

from starlette.routing import BaseRoute

from plugin.manifest import manifest
from plugin.runtime.web import Direct
from webhooks import confirmations as asks
from webhooks import links, pixel, preferences, storefront
from webhooks.shopify import ShopifyWebhook


def routes() -> list[BaseRoute]:
    """Webhooks, the app proxy, the pixel, and the links in messages."""
    uri = manifest()["webhooks"]["uri"]
    return [
        Direct(uri, ShopifyWebhook()),
        *storefront.routes(),
        *pixel.routes(),
        *links.routes(),
        *preferences.routes(),
        *asks.routes(),
    ]
