"""Compare records of Shopify's with ours, and return the differences.

Only values count that a webhook would have carried, not their report times. A record of ours that
is newer than Shopify's answer is left alone: its webhook came while the answer was on its way.
"""

from collections.abc import Callable
from typing import cast

from sqlmodel import Session

from plugin.facts import Facts
from plugin.sync import (
    catalog_differences,
    customer_differences,
    order_differences,
    subscription_differences,
)
from plugin.sync.differences import Differences
from storage.backfills import StoreNoun
from storage.inventory import ReportedLevel

HAPPENINGS = (StoreNoun.REFUNDS, StoreNoun.RETURNS, StoreNoun.FULFILMENTS)  # to orders


def record_id(noun: StoreNoun, facts: Facts) -> str:
    """The storefront's own id of the record that these facts are about; empty when they say
    nothing, as those of a test order.
    """
    if noun in HAPPENINGS:
        return next((order_differences.happening_id(did) for did in facts.events), "")
    if noun == StoreNoun.CUSTOMERS:
        return customer_differences.customer_id(facts.profiles[0]) or ""
    if noun in (StoreNoun.PRODUCTS, StoreNoun.DELETIONS):
        return str(facts.products[0][0]["id"])
    if noun == StoreNoun.ORDERS:
        return next((str(row["id"]) for _, row, _ in facts.orders), "")
    if noun == StoreNoun.CHECKOUTS:
        return str(facts.checkouts[0][1]["token"])
    if noun == StoreNoun.STOCK:
        return catalog_differences.level_id(cast("ReportedLevel", facts.records[0].row))
    return str(facts.records[0].row["id"])


def find_differences(session: Session, shop_id: int, noun: StoreNoun, facts: Facts) -> Differences:
    """Which of the records of a noun are missing, partial or stale, by their id."""
    return COMPARERS[noun](session, shop_id, facts)


COMPARERS: dict[str, Callable[[Session, int, Facts], Differences]] = {
    StoreNoun.CUSTOMERS: customer_differences.compare_customers,
    StoreNoun.PRODUCTS: catalog_differences.compare_products,
    StoreNoun.ORDERS: order_differences.compare_orders,
    StoreNoun.CHECKOUTS: order_differences.compare_checkouts,
    StoreNoun.STOCK: catalog_differences.compare_stock,
    StoreNoun.COLLECTIONS: catalog_differences.compare_collections,
    StoreNoun.SUBSCRIPTIONS: subscription_differences.compare_subscriptions,
    **dict.fromkeys(HAPPENINGS, order_differences.compare_happenings),
    StoreNoun.DELETIONS: catalog_differences.compare_deletions,
    StoreNoun.COLLECTION_DELETIONS: catalog_differences.compare_collection_deletions,
}
