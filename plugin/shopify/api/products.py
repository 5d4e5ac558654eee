"""Read a shop's whole catalog from Shopify and save it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import structlog

from plugin import clock
from plugin.shopify.api.client import ShopifyError, query
from plugin.shopify.normalise import products as webhook_products
from storage import products, shops
from storage.engine import db
from storage.engine.upsert import save_newest
from storage.inventory import Stock

Node = dict[str, Any]

RECENT = timedelta(hours=1)  # a product may come behind the page that we are at; clocks differ

log = structlog.get_logger()


def sync_products(shop_id: int) -> int:
    """Read every product with its variants; how many there were.

    Safe to run twice, and while webhooks come in: an older description never replaces a newer.

    Raises:
        ShopifyError: Shopify refused, or was not there. What was read until then is kept.
    """
    with db.reading() as session:
        shop = shops.get_shop(session, shop_id)
    assert shop
    began, seen = clock.now(), set[int]()
    for page in _pages(shop_id):
        payloads = [payload(shop_id, node) for node in page]
        facts = [
            webhook_products.normalise("products/update", each, shop.currency) for each in payloads
        ]
        with db.transaction() as session:
            mine = {"shop_id": shop_id}
            pairs = [pair for said in facts for pair in said.products]
            seen.update(row["id"] for row, _ in pairs)
            products.save_products(session, shop_id, pairs)
            stocks = [each.row | mine for said in facts for each in said.records]
            save_newest(session, Stock, stocks)
    with db.transaction() as session:
        products.retire_others(session, shop_id, seen, began - RECENT)
        shops.mark_synced(session, shop_id, clock.now())
    log.info("shopify.catalog_synced", shop=shop_id, products=len(seen))
    return len(seen)


def _pages(shop_id: int) -> Iterator[list[Node]]:
    after = None
    while True:
        found = query(shop_id, "products", {"after": after})["products"]
        yield found["nodes"]
        if not found["pageInfo"]["hasNextPage"]:
            return
        after = found["pageInfo"]["endCursor"]


def payload(shop_id: int, node: Node) -> Node:
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
                "inventory_item_id": number(variant["inventoryItem"]["id"]),
            }
            for variant in variants(shop_id, node)
        ],
    }


def variants(shop_id: int, node: Node) -> Iterator[Node]:
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
