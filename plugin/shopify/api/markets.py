"""Markets at Shopify: the countries and languages of a shop, and what products cost and are called
there.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from plugin.shopify.api.client import query
from plugin.shopify.api.products import number
from plugin.values import to_minor_units
from storage.engine.types import JsonObject

CHANGED = "updated_at:>='{since}'"
TITLE = "title"  # Shopify's key of it among a product's translations


class Price(NamedTuple):
    """What a variant costs in a country, in minor units."""

    product_id: int
    variant_id: int
    price: int
    currency: str


class TitlesPage(NamedTuple):
    """What some products are called, by id; None where the language has no title of its own."""

    titles: dict[int, str | None]
    cursor: str


class PricesPage(NamedTuple):
    """What some variants cost; the cursor is empty where none follow."""

    prices: list[Price]
    cursor: str


def read_markets(shop_id: int) -> list[list[str]]:
    """Return the countries of each of a shop's markets that are open; of each the first sixty.

    Raises:
        ShopifyError: Shopify refused, or was not there.
    """
    return [
        [country["code"] for country in _regions(market) if country.get("code")]
        for market in _markets(shop_id)
        if market["status"] == "ACTIVE"
    ]


def read_locales(shop_id: int) -> list[str]:
    """Return the languages that a storefront speaks, its first one before all.

    Raises:
        ShopifyError: Shopify refused, or was not there.
    """
    found = query(shop_id, "shop_locales", {})["shopLocales"]
    return [each["locale"] for each in sorted(found, key=lambda each: not each["primary"])]


def read_prices(shop_id: int, country: str, since: datetime | None, cursor: str) -> PricesPage:
    """Return the next page of what variants cost in a country: all, or those changed since.

    Raises:
        ShopifyError: Shopify refused, or was not there.
        MalformedError: an amount is none.
    """
    asked = {"country": country, "search": _search(since), "after": cursor or None}
    found = query(shop_id, "variant_prices", asked)["productVariants"]
    return PricesPage([_price(node) for node in found["nodes"]], _next(found))


def read_titles(shop_id: int, locale: str, since: datetime | None, cursor: str) -> TitlesPage:
    """Return the next page of what products are called in a language: all, or those changed since.

    Raises:
        ShopifyError: Shopify refused, or was not there.
    """
    asked = {"locale": locale, "search": _search(since), "after": cursor or None}
    found = query(shop_id, "product_titles", asked)["products"]
    titles = {number(node["id"]): _title(node) for node in found["nodes"]}
    return TitlesPage(titles, _next(found))


def _markets(shop_id: int) -> Iterator[JsonObject]:
    after = None
    while True:
        found = query(shop_id, "markets", {"after": after})["markets"]
        yield from found["nodes"]
        if not (after := _next(found)):
            return


def _regions(market: JsonObject) -> list[JsonObject]:
    condition = (market["conditions"] or {}).get("regionsCondition")
    return condition["regions"]["nodes"] if condition else []


def _price(node: JsonObject) -> Price:
    price = node["contextualPricing"]["price"]
    currency = str(price["currencyCode"])
    amount = to_minor_units(price["amount"], currency, "contextualPricing.price")
    return Price(number(node["product"]["id"]), number(node["id"]), amount, currency)


def _title(node: JsonObject) -> str | None:
    told = (each["value"] for each in node["translations"] if each["key"] == TITLE)
    return next(told, None) or None


def _search(since: datetime | None) -> str | None:
    if since is None:
        return None
    return CHANGED.format(since=since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _next(found: JsonObject) -> str:
    info = found["pageInfo"]
    return info["endCursor"] or "" if info["hasNextPage"] else ""
