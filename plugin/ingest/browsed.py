"""What a browser event says of products and carts, as properties of an event.

Any browser can forge it: everything is bounded, and links and pictures lead to the shop alone.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeGuard
from urllib.parse import urljoin, urlsplit

from babel.numbers import is_currency

from plugin.errors import MalformedError
from plugin.values import to_minor_units, without_unstorable
from storage.engine.types import JsonObject

MAX_TEXT_CHARS = 300
MAX_LINES = 50  # of a cart
MAX_NUMBER = 2**53  # what a browser counts exactly
TEXTS = ("title", "variant_title", "sku", "vendor", "query", "currency")
IDS = ("product_id", "variant_id", "collection_id")
PICTURES = "cdn.shopify.com"


class Worth(NamedTuple):
    """An amount in minor units of the currency that the shopper saw."""

    value: int | None = None
    currency: str | None = None


def describe_product(data: Mapping[str, object], home: str) -> JsonObject:
    """Return what is told of a product, a collection or a search.

    The price is in whole units of the currency that the shopper saw, as filters compare it. `home`
    is the storefront's address.
    """
    found: JsonObject = {
        name: _text(value)
        for name in TEXTS
        if isinstance(value := data.get(name), str) and value.strip()
    }
    found |= {name: told for name in IDS if (told := _id(data.get(name))) is not None}
    found |= {name: value for name in ("price", "quantity") if is_number(value := data.get(name))}
    if (kind := data.get("product_type")) and isinstance(kind, str):
        found["categories"] = [_text(kind)]
    addresses = {"url": _own(data.get("url"), home), "image": _picture(data.get("image"), home)}
    return found | {name: address for name, address in addresses.items() if address}


def describe_cart(data: Mapping[str, object], home: str) -> JsonObject:
    """Return a cart's lines in the shape of a checkout's, and how many items it holds."""
    told = data.get("items")
    currency = data.get("currency")
    lines = [
        _line(item, currency, home)
        for item in (told if isinstance(told, list) else [])[:MAX_LINES]
        if isinstance(item, dict)
    ]
    count = data.get("item_count")
    whole = int(count) if is_number(count) and count >= 0 else None
    return {
        "lines": lines,
        "item_count": sum(line["quantity"] for line in lines) if whole is None else whole,
    }


def worth(total: object, currency: object) -> Worth:
    """Return an amount that a browser tells; none where it is no amount of money."""
    if not is_number(total) or total < 0:
        return Worth()
    if not isinstance(currency, str) or not is_currency(code := currency.upper()):
        return Worth()
    try:
        return Worth(to_minor_units(total, code), code)
    except MalformedError:
        return Worth()


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number that a browser counts exactly, and not NaN."""
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_NUMBER
    )


def _line(item: JsonObject, currency: object, home: str) -> JsonObject:
    told = describe_product(item, home)
    quantity = told.get("quantity")
    return {
        **{name: told.get(name, "") for name in ("title", "variant_title", "sku", "vendor")},
        "quantity": int(quantity) if is_number(quantity) and quantity > 0 else 1,
        "price": worth(item.get("price"), item.get("currency") or currency).value or 0,
        **{name: told.get(name) for name in ("product_id", "variant_id")},
        **{name: told[name] for name in ("url", "image", "categories") if name in told},
    }


def _id(value: object) -> int | str | None:
    """Return an id as webhooks tell it: a number, where it is one."""
    if isinstance(value, str):
        number = value if value.isascii() and value.isdigit() and len(value) <= 18 else ""
        return int(number) if number else _text(value) or None
    return int(value) if is_number(value) else None


def _own(address: object, home: str) -> str:
    """Return an address on the storefront; "" for any other."""
    if not isinstance(address, str) or not address:
        return ""
    try:
        whole = urljoin(f"{home}/", str(without_unstorable(address))[:MAX_TEXT_CHARS])
        parts, own = urlsplit(whole), urlsplit(home)
    except ValueError:
        return ""
    return whole if (parts.scheme, parts.netloc) == (own.scheme, own.netloc) else ""


def _picture(address: object, home: str) -> str:
    if not isinstance(address, str):
        return ""
    if address.startswith(f"//{PICTURES}/"):
        address = f"https:{address}"
    if address.startswith(f"https://{PICTURES}/"):
        return _text(address)
    return _own(address, home)


def _text(value: str) -> str:
    return str(without_unstorable(value[:MAX_TEXT_CHARS]))
