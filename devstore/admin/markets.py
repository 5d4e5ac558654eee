"""Markets and languages in the Admin API, and what goods cost and are called there."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLError

from devstore.admin import resolvers
from devstore.admin.resolvers import Answer
from devstore.shop.database import Document
from devstore.shop.payloads import gid
from devstore.shop.store import Store

ACTIVE = "status:ACTIVE"


def markets(
    store: Store,
    first: int | None = None,
    after: str | None = None,
    *,
    query: str | None = None,
    type: str | None = None,
) -> Answer:
    """markets: here each is one of regions."""
    if query not in (None, "", ACTIVE):
        raise GraphQLError(f"The search {query!r} is not understood.")
    found = [
        each
        for each in store.markets()
        if type in (None, "REGION") and (not query or each["status"] == "ACTIVE")
    ]
    return resolvers.connection(found, lambda each: _market(store, each), first, after)


def shop_locales(store: Store, published: bool = False) -> list[Answer]:
    """shopLocales: all of them are published."""
    known = store.locales()
    return [
        {"locale": each, "primary": each == known[0], "published": True, "name": each}
        for each in known
    ]


def variant(store: Store, row: Document) -> Answer:
    """A size by itself, with its product."""
    product = row["product"]
    return {
        **resolvers.in_shop(store, product, row["variant"]),
        "product": lambda _info: resolvers.product(store, product),
    }


def _market(store: Store, row: Document) -> Answer:
    def regions(_info: Any, first: int | None = None, after: str | None = None) -> Answer:
        return resolvers.connection(row["countries"], _region(row), first, after)

    return {
        "id": gid("Market", row["id"]),
        "name": row["name"],
        "handle": row["name"].lower().replace(" ", "-"),
        "status": row["status"],
        "type": "REGION",
        "conditions": {"regionsCondition": {"regions": regions}},
    }


def _region(market: Document) -> Callable[[str], Answer]:
    def region(country: str) -> Answer:
        return {
            "__typename": "MarketRegionCountry",
            "id": gid("MarketRegionCountry", market["id"] * 1_000 + ord(country[0]) * 26),
            "name": country,
            "code": country,
        }

    return region
