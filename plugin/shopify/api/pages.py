"""Read pages of nodes with all of their children, by noun and search."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from plugin.shopify.api.client import query
from plugin.shopify.api.products import number, variants
from storage.backfills import StoreNoun
from storage.engine.types import JsonObject

LINES = {StoreNoun.ORDERS: "order_lines", StoreNoun.FULFILMENTS: "fulfillment_lines"}
DOCUMENTS = {
    StoreNoun.CUSTOMERS: "customers_changed",
    StoreNoun.PRODUCTS: "products_changed",
    StoreNoun.ORDERS: "orders_changed",
    StoreNoun.CHECKOUTS: "abandoned_checkouts",
    StoreNoun.COLLECTIONS: "collections_changed",
    StoreNoun.STOCK: "stock_changed",
    StoreNoun.SUBSCRIPTIONS: "subscriptions_changed",
    StoreNoun.REFUNDS: "refunds_changed",
    StoreNoun.RETURNS: "returns_changed",
    StoreNoun.FULFILMENTS: "fulfillments_changed",
    StoreNoun.DELETIONS: "destroyed",
    StoreNoun.COLLECTION_DELETIONS: "destroyed",
}
# What Shopify requires of an app that reads them: `offline_scopes` of its schema.
SCOPES = {
    StoreNoun.CUSTOMERS: ("read_customers",),
    StoreNoun.PRODUCTS: ("read_products",),
    StoreNoun.ORDERS: ("read_orders", "read_customers", "read_products"),
    StoreNoun.CHECKOUTS: ("read_orders", "read_customers", "read_products"),
    StoreNoun.COLLECTIONS: ("read_products",),
    StoreNoun.STOCK: ("read_products", "read_inventory", "read_locations"),
    StoreNoun.SUBSCRIPTIONS: ("read_own_subscription_contracts", "read_customers"),
    StoreNoun.REFUNDS: ("read_orders",),
    StoreNoun.RETURNS: ("read_orders", "read_returns"),
    StoreNoun.FULFILMENTS: ("read_orders",),
    StoreNoun.DELETIONS: ("read_products",),
    StoreNoun.COLLECTION_DELETIONS: ("read_products",),
}
CHANGED = "updated_at:>='{since}' AND updated_at:<='{until}'"
# Shopify keeps its events for a year. They list deleted products and collections, but not deleted
# customers and orders: those could only be looked up one by one.
DESTROYED = "action:destroy AND created_at:>='{since}' AND created_at:<='{until}'"
SEARCHES = {
    StoreNoun.DELETIONS: f"subject_type:PRODUCT AND {DESTROYED}",
    StoreNoun.COLLECTION_DELETIONS: f"subject_type:COLLECTION AND {DESTROYED}",
}
MALFORMED = (KeyError, TypeError, AttributeError)
NO_CHILD: JsonObject = {}  # makes no sense: a node with such a child is not read
NodeWithChildren = tuple[JsonObject, list[JsonObject]]


# What happened to orders, and where an order holds it. A change of it changes the order.
PARTS_OF_ORDERS = {
    StoreNoun.REFUNDS: "refunds",
    StoreNoun.RETURNS: "returns",
    StoreNoun.FULFILMENTS: "fulfillments",
}
# What is counted of a noun, as `changed_count` calls it.
COUNTED = {
    **{
        noun: noun
        for noun in (
            StoreNoun.CUSTOMERS,
            StoreNoun.PRODUCTS,
            StoreNoun.COLLECTIONS,
            StoreNoun.ORDERS,
            StoreNoun.CHECKOUTS,
        )
    },
    **dict.fromkeys(PARTS_OF_ORDERS, StoreNoun.ORDERS),
    StoreNoun.STOCK: StoreNoun.PRODUCTS,  # shopify.dev, Product.updatedAt: a movement counts
}


class Page(NamedTuple):
    """Some nodes, the cursor behind the last of them, and whether more follow."""

    nodes: list[NodeWithChildren]
    cursor: str
    more: bool


def changed_page(
    shop_id: int, noun: StoreNoun, since: datetime, until: datetime, *, place: str
) -> Page:
    """The next of what changed between two moments, behind a cursor; a checkout is one that was
    left behind, a deletion what was deleted. Oldest first, but for checkouts, which Shopify cannot
    sort so.

    Raises:
        ShopifyError: Shopify refused, or was not there.
    """
    search = SEARCHES.get(noun, CHANGED).format(since=_time(since), until=_time(until))
    if noun == StoreNoun.STOCK:
        return _stock_page(shop_id, search, place)
    return _page(shop_id, noun, {"search": search, "after": place or None})


def count_changed(shop_id: int, noun: StoreNoun, since: datetime, until: datetime) -> int:
    """Count the changes between two moments, up to 10,001; deletions are not counted."""
    if noun not in COUNTED:
        return 0
    search = CHANGED.format(since=_time(since), until=_time(until))
    (found,) = query(shop_id, "changed_count", {"search": search, COUNTED[noun]: True}).values()
    return int(found["count"])


def checkouts_page(shop_id: int, after: int) -> Page:
    """The next checkouts that were left behind, by rising id.

    Paged: no document says that `abandonedCheckouts` runs in bulk. By id instead of by cursor, a
    page can be asked for again a day later, and more than 25,000 can be had.
    """
    return _page(shop_id, StoreNoun.CHECKOUTS, {"search": f"id:>={after + 1}", "after": None})


def _page(shop_id: int, noun: StoreNoun, asked: Mapping[str, object]) -> Page:
    (found,) = query(shop_id, DOCUMENTS[noun], asked).values()
    nodes = found["nodes"]
    if noun in PARTS_OF_ORDERS:
        nodes = [part for order in nodes for part in _parts(order, PARTS_OF_ORDERS[noun])]
    families = [(node, _all_children(shop_id, noun, node)) for node in nodes]
    info = found["pageInfo"]
    return Page(families, info["endCursor"] or "", info["hasNextPage"])


def _stock_page(shop_id: int, search: str, place: str) -> Page:
    """The next levels of a location, or of the next one: only within one can they be searched."""
    location, after = json.loads(place) if place else (None, None)
    asked = {"search": search, "location": location, "after": after}
    found = query(shop_id, DOCUMENTS[StoreNoun.STOCK], asked)["locations"]
    levels = [each["inventoryLevels"] for each in found["nodes"]]
    more_here = any(each["pageInfo"]["hasNextPage"] for each in levels)
    if more_here:
        cursor = [location, levels[0]["pageInfo"]["endCursor"]]
    else:
        cursor = [found["pageInfo"]["endCursor"], None]
    families: list[NodeWithChildren] = [(node, []) for each in levels for node in each["nodes"]]
    return Page(families, json.dumps(cursor), more_here or found["pageInfo"]["hasNextPage"])


def _parts(order: JsonObject, name: str) -> Iterator[JsonObject]:
    """What happened to an order, each with the order that it is about."""
    try:
        held = order[name]
        about = {"order": {each: order[each] for each in ("id", "test", "updatedAt")}}
        parts = [{**part, **about} for part in (held if isinstance(held, list) else held["nodes"])]
    except MALFORMED:
        parts = [order]  # which is no part, and is kept as such
    yield from parts


def _all_children(shop_id: int, noun: StoreNoun, node: JsonObject) -> list[JsonObject]:
    try:
        return list(_children(shop_id, noun, node))
    except MALFORMED:
        return [NO_CHILD]


def _children(shop_id: int, noun: StoreNoun, node: JsonObject) -> Iterator[JsonObject]:
    if noun == StoreNoun.PRODUCTS:
        yield from variants(shop_id, node)
    elif noun == StoreNoun.SUBSCRIPTIONS:
        yield from node["billingAttempts"]["nodes"]
    elif noun in (StoreNoun.ORDERS, StoreNoun.CHECKOUTS, StoreNoun.FULFILMENTS):
        yield from _lines(shop_id, noun, node)


def _lines(shop_id: int, noun: StoreNoun, node: JsonObject) -> Iterator[JsonObject]:
    """All lines: a page holds the first few of each order, checkout or fulfilment."""
    name = "fulfillmentLineItems" if noun == StoreNoun.FULFILMENTS else "lineItems"
    found = node[name]
    yield from found["nodes"]
    while found["pageInfo"]["hasNextPage"]:
        after = found["pageInfo"]["endCursor"]
        if noun in LINES:
            (rest,) = query(shop_id, LINES[noun], {"id": node["id"], "after": after}).values()
        else:
            asked = {"search": f"id:{number(node['id'])}", "after": after}
            answer = query(shop_id, "abandoned_checkout_lines", asked)["abandonedCheckouts"]
            rest = next(iter(answer["nodes"]), None)
        if rest is None:  # deleted meanwhile
            return
        found = rest[name]
        yield from found["nodes"]


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
