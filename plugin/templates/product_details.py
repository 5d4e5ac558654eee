"""What the catalog adds to an event about a product: webhooks of carts tell no more than its name.

It is read when it is wanted: a cart may be told before its product is.
"""

from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from sqlmodel import Session

from plugin.templates.product_feeds import home_url
from storage import products
from storage.engine.types import JsonObject
from storage.products import ProductDetails
from storage.shops import Shop

MAX_ID = 2**63
BROWSER = "browser_id"  # a property of what a browser told


def with_details(session: Session, shop: Shop, properties: JsonObject) -> JsonObject:
    """Return an event's properties with its product's picture, address and type, as Klaviyo's
    ImageURL, URL and Categories. What the event tells itself stays, but for an address of another
    site that a browser tells: anyone can forge that.
    """
    if BROWSER in properties and not _leads_home(properties.get("url"), shop):
        properties = {name: value for name, value in properties.items() if name != "url"}
    product = _product(session, shop.id, properties)
    if product is None:
        return properties
    told = {
        "image": product.image,
        "url": f"{home_url(shop)}/products/{product.handle}",
        "categories": _categories(product),
    }
    return {**{name: value for name, value in told.items() if value}, **properties}


def categories_of(session: Session, shop_id: int, properties: Mapping[str, object]) -> object:
    """Return the categories of an event's product; None where they are not known."""
    if "categories" in properties:
        return properties["categories"]
    product = _product(session, shop_id, properties)
    return None if product is None else _categories(product)


def _product(
    session: Session, shop_id: int, properties: Mapping[str, object]
) -> ProductDetails | None:
    number = properties.get("product_id")
    if type(number) is not int or not 0 < number < MAX_ID:  # True is no number
        return None
    return products.details_of(session, shop_id, [number]).get(number)


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
