"""What the catalog adds to an event about a product: webhooks of carts tell no more than its name.

It is read when it is wanted: a cart may be told before its product is.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

from sqlmodel import Session

from plugin.templates.product_feeds import Catalog, home_url
from plugin.values import to_decimal
from storage import products
from storage.engine.types import JsonObject
from storage.products import ProductDetails
from storage.shops import Shop

MAX_ID = 2**63
BROWSER = "browser_id"  # a property of what a browser told
# What a browser tells of products, which the catalog knows better.
OF_PRODUCTS = frozenset(
    ("title", "variant_title", "sku", "vendor", "price", "currency", "image", "categories")
)
# What readers or their mail programs take for an address.
_LINK = re.compile(r"//|\\\\|\bwww\.|^[^\s/?#:@]+\.[^\s/?#:@.\d]{2,}(?=[/?#:]|$)|^\s*\w+:\S", re.I)


def with_details(catalog: Catalog, properties: JsonObject) -> JsonObject:
    """Return an event's properties with its product's picture, address and type, as Klaviyo's
    ImageURL, URL and Categories. What the event tells itself stays, but for what a browser tells:
    anyone can forge that.
    """
    shop, found = catalog.shop, catalog.products(product_of(properties))
    product = next((each.details for each in found.values() if not each.is_deleted), None)
    if BROWSER in properties:
        properties = _of_browser(properties, product, shop)
    if product is None:
        return properties
    told = {
        "image": product.image,
        "url": f"{home_url(shop)}/products/{product.handle}",
        "categories": _categories(product),
    }
    return {**{name: value for name, value in told.items() if value}, **properties}


def _of_browser(properties: JsonObject, product: ProductDetails | None, shop: Shop) -> JsonObject:
    """Return what of a browser's event a mail may print: of products what the catalog says, and no
    address of another site.
    """
    kept = {
        name: without_links(value, shop)
        for name, value in properties.items()
        if name not in (*OF_PRODUCTS, BROWSER)
    }
    if product is not None:
        price = float(to_decimal(product.price, shop.currency))
        kept |= {"title": product.title, "price": price, "currency": shop.currency}
    return {name: v for name, v in kept.items() if name != "url" or _leads_home(v, shop)}


def without_links(value: Any, shop: Shop) -> Any:
    """Return what a browser told without texts that lead, or look like leading, elsewhere."""
    if isinstance(value, str):
        return "" if _LINK.search(value) and not _leads_home(value, shop) else value
    if isinstance(value, list):
        return [without_links(each, shop) for each in value]
    if isinstance(value, dict):
        return {name: without_links(each, shop) for name, each in value.items()}
    return value


def categories_of(session: Session, shop_id: int, properties: Mapping[str, object]) -> object:
    """Return the categories of an event's product; None where they are not known."""
    if "categories" in properties:
        return properties["categories"]
    found = products.details_of(session, shop_id, product_of(properties))
    return next(map(_categories, found.values()), None)


def product_of(properties: Mapping[str, object]) -> Sequence[int]:
    """The product that an event names, if it names one."""
    number = properties.get("product_id")
    is_one = type(number) is int and 0 < number < MAX_ID  # True is no number
    return [number] if is_one and isinstance(number, int) else []


def _leads_home(address: object, shop: Shop) -> bool:
    """Whether an address is of the storefront, on its own host or one below it."""
    if not isinstance(address, str) or not address.startswith(("/", "https://", "http://")):
        return False
    home = home_url(shop)
    try:
        there, own = urlsplit(urljoin(f"{home}/", address)), urlsplit(home).hostname or ""
    except ValueError:
        return False
    if "@" in there.netloc or "\\" in address:  # browsers read them in another way
        return False
    host, own = there.hostname or "", own.removeprefix("www.")
    return host in (own, shop.domain) or host.endswith(f".{own}")


def _categories(product: ProductDetails) -> list[str]:
    return [product.kind] if product.kind else []
