"""Choose the products that a mail shows to one shopper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from sqlmodel import Session

from plugin import clock
from plugin.templates import product_blocks
from storage.engine.types import JsonObject
from storage.products import products_by_id, products_to_recommend
from storage.shops import Shop
from storage.templates import MailBlock


class ProductCard(TypedDict):
    """A product as a template sees it; the price in minor units."""

    id: int
    title: str
    kind: str
    image: str
    price: int
    url: str
    tags: list[str]


@dataclass
class Catalog:
    """A shop's products, read once for a batch of messages."""

    items: list[ProductCard] | None = field(default=None)

    def of(self, session: Session, shop: Shop) -> list[ProductCard]:
        """The products that the storefront shows and sells, as a template sees them."""
        if self.items is None:
            home = home_url(shop)
            self.items = [
                {
                    "id": product.id,
                    "title": product.title,
                    "kind": product.kind,
                    "image": product.image,
                    "price": product.price,
                    "url": f"{home}/products/{product.handle}",
                    "tags": product.tags,
                }
                for product in products_to_recommend(session, shop.id, clock.now())
            ]
        return self.items


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


def with_pictures(session: Session, shop_id: int, lines: Sequence[object]) -> list[JsonObject]:
    """A checkout's lines with their products' pictures: the storefront's webhooks send none."""
    known = [dict(line) for line in lines if isinstance(line, dict)]
    ids = [number for line in known if (number := _product_id(line))]
    found = products_by_id(session, shop_id, ids) if ids else {}
    for line in known:
        product = found.get(_product_id(line))
        line["image"] = line.get("image") or (product.image if product else "")
    return known


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
