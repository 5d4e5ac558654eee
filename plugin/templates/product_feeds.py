"""Choose the products that a mail shows to one shopper."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, TypedDict

from sqlmodel import Session

from plugin import clock
from plugin.money import Amount
from plugin.templates import product_blocks
from plugin.templates.shopper_market import (
    HOME,
    HasMarket,
    ShopperMarket,
    choose_market,
    prices_for,
    titles_for,
)
from storage.engine import db
from storage.engine.types import JsonObject
from storage.markets import MarketPrice, MarketReading, reading_of
from storage.products import ProductDetails, known_products, products_to_recommend
from storage.properties import labels_of
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


class ShownProduct(NamedTuple):
    """What a mail shows of a product that an event names, in one market."""

    details: ProductDetails
    is_deleted: bool
    title: str  # in the market's language
    price: MarketPrice | None  # in its country, where that is known


class Catalog:
    """What mails show of a shop's products: each thing is read once for all mails of a batch.

    What is not known yet is read when it is asked for; see `load_products`.
    """

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self._items: list[ProductCard] | None = None
        self._in_markets: dict[ShopperMarket, list[ProductCard]] = {}
        self._reading: MarketReading | None = None
        self._is_read = False
        self._shown: dict[ShopperMarket, dict[int, ShownProduct | None]] = {}
        self._labels: dict[str, dict[str, dict[str, str]]] = {}

    def market_of(self, profile: HasMarket) -> ShopperMarket:
        """The market that a shopper is shown titles and prices of."""
        if not self._is_read:
            with db.reading() as session:
                self._reading, self._is_read = reading_of(session, self.shop.id), True
        return choose_market(self._reading, profile)

    def of(self, market: ShopperMarket = HOME) -> list[ProductCard]:
        """The products that the storefront shows and sells, as a template sees them: with the
        titles and prices of a market, where they are known.
        """
        if market not in self._in_markets:
            with db.reading() as session:
                if self._items is None:
                    self._items = _cards(session, self.shop)
                self._in_markets[market] = _localise(session, self.shop.id, self._items, market)
        return self._in_markets[market]

    def labels(self, locale: str) -> dict[str, dict[str, str]]:
        """The words for the values of properties, in a language."""
        if locale not in self._labels:
            with db.reading() as session:
                self._labels[locale] = labels_of(session, self.shop.id, locale)
        return self._labels[locale]

    def products(
        self, ids: Collection[int], market: ShopperMarket = HOME
    ) -> dict[int, ShownProduct]:
        """What is known of some products, by id."""
        self.load_products({market: ids})
        known = self._shown.get(market, {})
        return {each: found for each in ids if (found := known.get(each)) is not None}

    def load_products(self, wanted: Mapping[ShopperMarket, Collection[int]]) -> None:
        """Read what is not known yet of products, for each market that they are shown in."""
        missing = {
            market: fresh
            for market, ids in wanted.items()
            if (fresh := set(ids) - self._shown.setdefault(market, {}).keys())
        }
        if not missing:
            return
        with db.reading() as session:
            every = set[int]().union(*missing.values())
            details = known_products(session, self.shop.id, every)
            for market, ids in missing.items():
                titles = titles_for(session, self.shop.id, market, ids)
                prices = prices_for(session, self.shop.id, market, ids)
                self._shown[market] |= {
                    each: (known := details.get(each))
                    and ShownProduct(
                        known.details,
                        known.is_deleted,
                        titles.get(each, known.details.title),
                        prices.get(each),
                    )
                    for each in ids
                }


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
    catalog: Catalog, lines: Sequence[object], market: ShopperMarket = HOME
) -> list[JsonObject]:
    """A checkout's lines with their products' pictures, which webhooks do not send, and with their
    titles in the shopper's language, which the API does not tell. The prices are those seen.
    """
    known = [dict(line) for line in lines if isinstance(line, dict)]
    found = catalog.products(product_ids(known), market)
    for line in known:
        product = found.get(_product_id(line))
        line["image"] = line.get("image") or (product.details.image if product else "")
        if product is not None and line.get("title") == product.details.title:
            line["title"] = product.title
    return known


def lines_of_catalog(
    catalog: Catalog, lines: Sequence[object], market: ShopperMarket = HOME
) -> list[JsonObject]:
    """A cart's lines as a browser told them: which products and how many, and all else from the
    catalog. What that does not know is left out.
    """
    known = [line for line in lines if isinstance(line, dict)]
    found, shop = catalog.products(product_ids(known), market), catalog.shop
    return [
        {
            "product_id": number,
            "quantity": line.get("quantity", 1),
            "title": product.title,
            "image": product.details.image,
            "price": Amount(*(product.price or (product.details.price, shop.currency))),
            "url": f"{home_url(shop)}/products/{product.details.handle}",
        }
        for line in known
        if (product := found.get(number := _product_id(line))) and not product.is_deleted
    ]


def product_ids(lines: Sequence[object]) -> set[int]:
    """The products that some lines name."""
    return {n for line in lines if isinstance(line, dict) and (n := _product_id(line))}


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
