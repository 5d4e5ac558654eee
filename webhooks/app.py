"""All the ways in, as routes."""

from starlette.routing import BaseRoute, Route

from plugin.manifest import manifest
from webhooks import links, pixel, storefront
from webhooks.shopify import MAX_BODY_BYTES, ShopifyWebhook


def routes() -> list[BaseRoute]:
    """Webhooks, the app proxy, the pixel, and the links in messages."""
    uri = manifest()["webhooks"]["uri"]
    return [
        Route(uri, ShopifyWebhook(), max_body_size=MAX_BODY_BYTES),
        *storefront.routes(),
        *pixel.routes(),
        *links.routes(),
    ]
