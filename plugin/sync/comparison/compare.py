"""Compare records of Shopify's with ours, and return the differences.

Only values count that a webhook would have carried, not their report times. A record of ours that
is newer than Shopify's answer is left alone: its webhook came while the answer was on its way.
"""

from collections.abc import Callable
from typing import cast

from sqlmodel import Session

from plugin.facts import Facts
from plugin.sync.comparison import catalog, customers, orders, subscriptions
from plugin.sync.comparison.rows import Differences
from storage.backfills import StoreNoun
from storage.inventory import ReportedLevel

HAPPENINGS = (StoreNoun.REFUNDS, StoreNoun.RETURNS, StoreNoun.FULFILMENTS)  # to orders


def record_id(noun: StoreNoun, facts: Facts) -> str:
    """The storefront's own id of the record that these facts are about; empty when they say
    nothing, as those of a test order.
    """
    if noun in HAPPENINGS:
        return next((orders.happening_id(did) for did in facts.events), "")
    if noun == StoreNoun.CUSTOMERS:
        return customers.customer_id(facts.profiles[0]) or ""
    if noun in (StoreNoun.PRODUCTS, StoreNoun.DELETIONS):
        return str(facts.products[0][0]["id"])
    if noun == StoreNoun.ORDERS:
        return next((str(row["id"]) for _, row, _ in facts.orders), "")
    if noun == StoreNoun.CHECKOUTS:
        return str(facts.checkouts[0][1]["token"])
    if noun == StoreNoun.STOCK:
        return catalog.level_id(cast("ReportedLevel", facts.records[0].row))
    return str(facts.records[0].row["id"])


def find_differences(session: Session, shop_id: int, noun: StoreNoun, facts: Facts) -> Differences:
    """Which of the records of a noun are missing, partial or stale, by their id."""
    return COMPARERS[noun](session, shop_id, facts)


COMPARERS: dict[str, Callable[[Session, int, Facts], Differences]] = {
    StoreNoun.CUSTOMERS: customers.compare_customers,
    StoreNoun.PRODUCTS: catalog.compare_products,
    StoreNoun.ORDERS: orders.compare_orders,
    StoreNoun.CHECKOUTS: orders.compare_checkouts,
    StoreNoun.STOCK: catalog.compare_stock,
    StoreNoun.COLLECTIONS: catalog.compare_collections,
    StoreNoun.SUBSCRIPTIONS: subscriptions.compare_subscriptions,
    **dict.fromkeys(HAPPENINGS, orders.compare_happenings),
    StoreNoun.DELETIONS: catalog.compare_deletions,
    StoreNoun.COLLECTION_DELETIONS: catalog.compare_collection_deletions,
}
