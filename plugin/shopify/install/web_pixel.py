"""Create a shop's web pixel, so that its storefront reports what shoppers look at.

The extension is deployed with the app, yet idle until each shop has a pixel with settings.
"""

import json

from plugin.manifest import load_manifest
from plugin.settings import get_settings
from plugin.shopify.api.client import ShopifyError, query
from storage import shops
from storage.engine import db


def ensure_pixel(shop_id: int) -> None:
    """Make the app's pixel on a shop, or give the one it has our present address.

    Raises:
        ShopifyError: Shopify refused, or was not there.
    """
    with db.reading() as session:
        shop = shops.get_shop(session, shop_id)
    assert shop
    endpoint = get_settings().url.rstrip("/") + load_manifest()["pixel"]["path"]
    settings = {"accountID": shop.domain, "endpoint": endpoint}
    pixel = {"settings": json.dumps(settings)}
    try:
        query(shop_id, "pixel_create", {"pixel": pixel})
    except ShopifyError as error:
        if not error.has("TAKEN"):
            raise
        found = query(shop_id, "pixel", {})["webPixel"]
        if found is not None and _parsed(found["settings"]) != settings:
            query(shop_id, "pixel_update", {"id": found["id"], "pixel": pixel})


def _parsed(settings: object) -> object:
    """Shopify gives the settings back as text."""
    try:
        return json.loads(settings) if isinstance(settings, str) else settings
    except ValueError:
        return None
