"""The theme's app embed: what the storefront's popup script reads is put where Liquid finds it."""

import json
from collections.abc import Mapping

from plugin.shopify.api.client import query

NAMESPACE, KEY = "regulars", "forms"  # {{ app.metafields.regulars.forms }}


def publish_forms(shop_id: int, value: Mapping[str, object]) -> None:
    """Make `value` the forms of a shop's storefront; pages carry it from the next load on.

    Raises:
        ShopifyError: Shopify refused, or was not there.
    """
    owner = query(shop_id, "installation", {})["currentAppInstallation"]["id"]
    field = {
        "ownerId": owner,
        "namespace": NAMESPACE,
        "key": KEY,
        "type": "json",
        "value": json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    }
    query(shop_id, "metafields_set", {"metafields": [field]})
