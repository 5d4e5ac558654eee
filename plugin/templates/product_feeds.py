"""Choose the products that a mail shows to one shopper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from sqlmodel import Session

from plugin import clock
from plugin.money import Amount
from plugin.templates import product_blocks
from plugin.templates.shopper_market import (
    HOME,
    ShopperMarket,
    choose_market,
    prices_for,
    titles_for,
)
from storage.engine.types import JsonObject
from storage.markets import MarketPrice, MarketReading, reading_of
from storage.products import details_of, products_by_id, products_to_recommend
from storage.profiles import Profile
from storage.shops import Shop
from storage.templates import MailBlock


class ProductCard(TypedDict):
    """A product as a template sees it; the price in minor units."""

    id: int
    title: str
    kind: str
    image: str
    price: int
    currency: str
    url: str
    tags: list[str]


@dataclass
class Catalog:
    """A shop's products, read once for a batch of messages, and once for each market among them."""

    items: list[ProductCard] | None = field(default=None)
    in_markets: dict[ShopperMarket, list[ProductCard]] = field(default_factory=dict)
    readings: dict[int, MarketReading | None] = field(default_factory=dict)  # of the one shop

    def market_of(self, session: Session, shop: Shop, profile: Profile) -> ShopperMarket:
        """The market that a shopper is shown titles and prices of."""
        if shop.id not in self.readings:
            self.readings[shop.id] = reading_of(session, shop.id)
        return choose_market(self.readings[shop.id], profile)

    def of(self, session: Session, shop: Shop, market: ShopperMarket = HOME) -> list[ProductCard]:
        """The products that the storefront shows and sells, as a template sees them: with the
        titles and prices of a market, where they are known.
        """
        if self.items is None:
            self.items = _cards(session, shop)
        if market not in self.in_markets:
            self.in_markets[market] = _localise(session, shop.id, self.items, market)
        return self.in_markets[market]


def _cards(session: Session, shop: Shop) -> list[ProductCard]:
    home = home_url(shop)
    return [
        {
            "id": product.id,
            "title": product.title,
            "kind": product.kind,
            "image": product.image,
            "price": product.price,
            "currency": shop.currency,
            "url": f"{home}/products/{product.handle}",
            "tags": product.tags,
        }
        for product in products_to_recommend(session, shop.id, clock.now())
    ]


def _localise(
    session: Session, shop_id: int, items: list[ProductCard], market: ShopperMarket
) -> list[ProductCard]:
    ids = [card["id"] for card in items]
    titles = titles_for(session, shop_id, market, ids)
    prices = prices_for(session, shop_id, market, ids)
    if not titles and not prices:
        return items
    found: list[ProductCard] = []
    for card in items:
        price = prices.get(card["id"]) or MarketPrice(card["price"], card["currency"])
        found.append(
            {
                **card,
                "title": titles.get(card["id"], card["title"]),
                "price": Amount(*price),
                "currency": price.currency,
            }
        )
    return found


def home_url(shop: Shop) -> str:
    """The storefront's address, without a slash at its end."""
    return (shop.url or f"https://{shop.domain}").rstrip("/")


def products_for(
    blocks: Sequence[MailBlock], properties: Mapping[str, object], items: Sequence[ProductCard]
) -> list[ProductCard]:
    """Return products with a tag or type equal to the shopper's answer; without one, the first
    ones.
    """
    for block in blocks:
        if block["type"] == "products" and product_blocks.feed(block) == product_blocks.ANSWER:
            answer = properties.get(block.get("property", ""))
            wanted = {str(a).lower() for a in (answer if isinstance(answer, list) else [answer])}
            fitting = [p for p in items if wanted & _names(p)]
            return list(fitting or items)[: product_blocks.limit(block)]
    return []


def _names(product: ProductCard) -> set[str]:
    return {name.lower() for name in (product["kind"], *product["tags"]) if name}


def with_pictures(
    session: Session, shop_id: int, lines: Sequence[object], market: ShopperMarket = HOME
) -> list[JsonObject]:
    """A checkout's lines with their products' pictures, which webhooks do not send, and with their
    titles in the shopper's language, which the API does not tell. The prices are those seen.
    """
    known = [dict(line) for line in lines if isinstance(line, dict)]
    ids = [number for line in known if (number := _product_id(line))]
    found = products_by_id(session, shop_id, ids) if ids else {}
    titles = titles_for(session, shop_id, market, ids)
    for line in known:
        product = found.get(number := _product_id(line))
        line["image"] = line.get("image") or (product.image if product else "")
        if product is not None and line.get("title") == product.title:
            line["title"] = titles.get(number, product.title)
    return known


def lines_of_catalog(
    session: Session, shop: Shop, lines: Sequence[object], market: ShopperMarket = HOME
) -> list[JsonObject]:
    """A cart's lines as a browser told them: which products and how many, and all else from the
    catalog. What that does not know is left out.
    """
    known = [line for line in lines if isinstance(line, dict)]
    ids = [number for line in known if (number := _product_id(line))]
    found = details_of(session, shop.id, ids) if ids else {}
    titles = titles_for(session, shop.id, market, ids)
    prices = prices_for(session, shop.id, market, ids)
    return [
        {
            "product_id": number,
            "quantity": line.get("quantity", 1),
            "title": titles.get(number, product.title),
            "image": product.image,
            "price": Amount(*(prices.get(number) or (product.price, shop.currency))),
            "url": f"{home_url(shop)}/products/{product.handle}",
        }
        for line in known
        if (product := found.get(number := _product_id(line)))
    ]


def _product_id(line: JsonObject) -> int:
    """The id of a line's product; 0 where an event of the shop's own has something else there."""
    number = str(line.get("product_id") or "")
    return int(number) if number.isascii() and number.isdigit() and len(number) <= 18 else 0


def shows_products(blocks: Sequence[MailBlock]) -> bool:
    """Whether a mail shows products from the catalog."""
    return any(b["type"] == "products" and b["feed"] == product_blocks.ANSWER for b in blocks)


def coupon_of(blocks: Sequence[MailBlock]) -> int | None:
    """The coupon that a mail gives a code of; a mail gives one at most."""
    return next((int(b["coupon_id"]) for b in blocks if b["type"] == "coupon"), None)
