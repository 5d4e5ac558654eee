"""The catalog: all of a shop's products are read from Shopify and kept."""

from datetime import timedelta

import structlog

from plugin import clock
from plugin.shopify.api.products import payload, read_pages
from plugin.shopify.normalise import products as webhook_products
from storage import products, shops
from storage.engine import db
from storage.engine.upsert import save_newest
from storage.inventory import Stock

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
    asked_at = began
    for page in read_pages(shop_id):
        sent = {"triggered_at": asked_at.isoformat()}
        payloads = [payload(shop_id, node) | sent for node in page]
        asked_at = clock.now()
        facts = [
            webhook_products.normalise("products/update", each, shop.currency) for each in payloads
        ]
        with db.transaction() as session:
            pairs = [pair for said in facts for pair in said.products]
            seen.update(fact.product["id"] for fact in pairs)
            products.save_products(session, shop_id, pairs)
            stocks = [{**each.row, "shop_id": shop_id} for said in facts for each in said.records]
            save_newest(session, Stock, stocks)
    with db.transaction() as session:
        products.retire_others(session, shop_id, seen, began - RECENT)
        shops.mark_synced(session, shop_id, clock.now())
    log.info("shopify.catalog_synced", shop=shop_id, products=len(seen))
    return len(seen)
