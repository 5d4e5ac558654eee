"""Products, their stock, and collections: what differs."""

from collections.abc import Iterable
from operator import itemgetter
from typing import cast

from sqlmodel import Session

from plugin.facts import Facts
from plugin.sync.comparison.rows import Differences, find_kind
from storage import collections, inventory, products
from storage.collections import ReportedCollection
from storage.inventory import InventoryLevel, ReportedLevel, ReportedStock, Stock
from storage.products import DELETED, ReportedVariant
from storage.reconciliations import DifferenceKind

SIZE = (
    *("id", "title", "sku", "price", "compare_at_price", "inventory_item_id"),
    *("inventory_policy", "tracked"),
)

_size = itemgetter(*SIZE)


def compare_products(session: Session, shop_id: int, facts: Facts) -> Differences:
    """Which products are missing, stale or partial, stock included."""
    ids = [row["id"] for row, _, _ in facts.products]
    kept = products.products_by_id(session, shop_id, ids)
    sizes = products.variants_by_product(session, shop_id, ids)
    said = [cast("ReportedStock", each.row) for each in facts.records if each.table is Stock]
    stocks = {stock["variant_id"]: stock for stock in said}
    held = inventory.stocks(session, shop_id, list(stocks))
    found: Differences = {}
    for row, reported, _ in facts.products:
        same = _sizes(sizes.get(row["id"], ())) == _sizes(reported)
        amounts = [(held.get(each["id"]), stocks[each["id"]]) for each in reported]
        whole = all(stock is not None for stock, _ in amounts)
        kind = find_kind(kept.get(row["id"]), row, row["updated_at"], same=same, whole=whole)
        if kind != DifferenceKind.MISSING and any(_moved(*each) for each in amounts):
            kind = DifferenceKind.STALE
        if kind:
            found[str(row["id"])] = kind
    return found


def compare_deletions(session: Session, shop_id: int, facts: Facts) -> Differences:
    """Products that we still offer. What we never knew is no loss."""
    kept = products.products_by_id(session, shop_id, [row["id"] for row, _, _ in facts.products])
    return {str(key): DifferenceKind.STALE for key, have in kept.items() if have.status != DELETED}


def compare_collections(session: Session, shop_id: int, facts: Facts) -> Differences:
    """Which collections are missing or stale."""
    rows = [cast("ReportedCollection", each.row) for each in facts.records]
    kept = collections.collections_by_id(session, shop_id, [row["id"] for row in rows])
    found: Differences = {}
    for row in rows:
        if kind := find_kind(kept.get(row["id"]), row, row["updated_at"], same=True, whole=True):
            found[str(row["id"])] = kind
    return found


def compare_collection_deletions(session: Session, shop_id: int, facts: Facts) -> Differences:
    """Collections that we think are still there."""
    ids = [cast("ReportedCollection", each.row)["id"] for each in facts.records]
    kept = collections.collections_by_id(session, shop_id, ids)
    return {str(key): DifferenceKind.STALE for key, have in kept.items() if not have.deleted}


def compare_stock(session: Session, shop_id: int, facts: Facts) -> Differences:
    """Which levels are missing or stale. One that has ended and that we never knew is no loss."""
    rows = [cast("ReportedLevel", each.row) for each in facts.records]
    held = inventory.levels_of(session, shop_id, [row["item_id"] for row in rows])
    found: Differences = {}
    for row in rows:
        have = held.get((row["item_id"], row["location_id"]))
        if have is None and row["available"] is not None:
            found[level_id(row)] = DifferenceKind.MISSING
        elif _moved(have, row):
            found[level_id(row)] = DifferenceKind.STALE
    return found


def level_id(row: ReportedLevel) -> str:
    """Return what a level is named in a list of differences: Shopify's ids of place and item."""
    return f"{row['location_id']}/{row['item_id']}"


def _moved(stock: Stock | InventoryLevel | None, row: ReportedStock | ReportedLevel) -> bool:
    """Whether there are more or fewer than we think; stock moves without a product's change."""
    return (
        stock is not None
        and stock.updated_at <= row["updated_at"]
        and stock.available != row["available"]
    )


def _sizes(variants: Iterable[ReportedVariant]) -> set[tuple[object, ...]]:
    return {_size(variant) for variant in variants}
