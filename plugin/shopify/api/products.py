"""Products at Shopify: what its API answers, in the shape of its webhooks."""

from collections.abc import Iterator

from plugin.shopify.api.client import ShopifyError, query
from storage.engine.types import JsonObject


def read_pages(shop_id: int) -> Iterator[list[JsonObject]]:
    """Read all products, a page at a time."""
    after = None
    while True:
        found = query(shop_id, "products", {"after": after})["products"]
        yield found["nodes"]
        if not found["pageInfo"]["hasNextPage"]:
            return
        after = found["pageInfo"]["endCursor"]


def payload(shop_id: int, node: JsonObject) -> JsonObject:
    """The product as a webhook would tell it, so that one normaliser understands both."""
    media = node["featuredMedia"] or {}
    image = (media.get("preview") or {}).get("image") or {}
    return {
        "id": number(node["id"]),
        "title": node["title"],
        "handle": node["handle"],
        "body_html": node["descriptionHtml"],
        "product_type": node["productType"],
        "tags": node["tags"],
        "status": node["status"].lower(),
        "published_at": node["publishedAt"],
        "updated_at": node["updatedAt"],
        "image": {"src": image.get("url")},
        "variants": [
            {
                "id": number(variant["id"]),
                "title": variant["title"],
                "sku": variant["sku"],
                "price": variant["price"],
                "compare_at_price": variant["compareAtPrice"],
                "inventory_quantity": variant["inventoryQuantity"],
                "inventory_policy": variant["inventoryPolicy"].lower(),
                "inventory_management": "shopify" if variant["inventoryItem"]["tracked"] else None,
                "inventory_item_id": number(variant["inventoryItem"]["id"]),
            }
            for variant in variants(shop_id, node)
        ],
    }


def variants(shop_id: int, node: JsonObject) -> Iterator[JsonObject]:
    """All variants: a page of products holds the first fifteen of each."""
    found = node["variants"]
    yield from found["nodes"]
    while found["pageInfo"]["hasNextPage"]:
        rest = {"id": node["id"], "after": found["pageInfo"]["endCursor"]}
        product = query(shop_id, "variants", rest)["product"]
        if product is None:  # deleted meanwhile
            return
        found = product["variants"]
        yield from found["nodes"]


def number(gid: str) -> int:
    """The number that webhooks give for `gid://shopify/Product/12`.

    Raises:
        ShopifyError: it is no such id.
    """
    digits = gid.rpartition("/")[2]
    if not digits.isdecimal():
        raise ShopifyError("Shopify's answer holds an id that is none.")
    return int(digits)
