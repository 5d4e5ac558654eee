"""What the shop sells, read from catalog.toml: products with sizes, and collections of them."""

import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

NEEDS = ("hydration", "blemishes", "sensitivity", "firmness")
OPENED = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)  # when the shop first put its goods out

Product = dict[str, Any]
Collection = dict[str, Any]


@cache
def _said() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("catalog.toml").read_text())


def products() -> list[Product]:
    """The goods on opening day, in the shop's own form; ids are given by the shop."""
    return [_product(said, at) for at, said in enumerate(_said()["products"])]


def locales() -> list[str]:
    """The languages that the storefront speaks, its first one before all."""
    return list(_said()["locales"])


def markets() -> list[dict[str, Any]]:
    """Where the shop sells, on opening day."""
    return [dict(each) for each in _said()["markets"]]


def collections() -> list[Collection]:
    """The shelves, in the order the shop shows them."""
    return list(_said()["collections"])


def belongs(product: Product, collection: Collection) -> bool:
    """Whether a product stands on a shelf, by need or by kind."""
    if "tag" in collection:
        return collection["tag"] in product["tags"]
    return bool(product["product_type"] == collection.get("type"))


def is_shown(product: Product, now: datetime) -> bool:
    """Whether the storefront shows a product: it is active, and published by now."""
    published_at = product.get("published_at", product["created_at"])
    is_published = published_at is not None and datetime.fromisoformat(published_at) <= now
    return product["status"] == "active" and is_published


def is_for_sale(product: Product) -> bool:
    """Whether a size of it can be bought for money."""
    return any(each["price"] > 0 and each["stock"] > 0 for each in product["variants"])


def cents(price: str | float) -> int:
    """A price as written in the file, in cents."""
    return round(float(price) * 100)


def _product(said: dict[str, Any], at: int) -> Product:
    code = "".join(word[0] for word in said["handle"].split("-")).upper()
    return {
        "handle": said["handle"],
        "title": said["title"],
        "titles": {"de": said["title_de"]} if "title_de" in said else {},
        "product_type": said["type"],
        "vendor": "Dewpoint",
        "status": "active",
        "tags": sorted([*said["needs"], *said["tags"]]),
        "line": said["line"],
        "about": said["about"],
        "picture": said["picture"],
        "created_at": OPENED.isoformat(),
        "published_at": said.get("published", OPENED.isoformat()) or None,
        "updated_at": OPENED.isoformat(),
        "variants": [
            {
                "title": name,
                "sku": f"DP-{code}{at + 1:02d}-{name.replace(' ', '').upper()}",
                "price": cents(price),
                "compare_at": cents(was) or None,
                "stock": stock,
                "grams": 60 + int(float(name.split()[0])),
            }
            for name, price, was, stock in said["sizes"]
        ],
    }
