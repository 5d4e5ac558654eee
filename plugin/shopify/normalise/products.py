"""products/create, products/update, products/delete: the catalog."""

from datetime import UTC, datetime
from typing import Any

from plugin.facts import Facts, minor, moment
from plugin.shopify.normalise.fields import Payload, number, part, rows, text, told
from plugin.shopify.normalise.inventory import stock
from storage.products import DELETED

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


def normalise(topic: str, payload: Payload, currency: str) -> Facts:
    """One product with its variants. A deletion comes with the id alone and is final."""
    product_id = number(payload, "id")
    if topic == "products/delete":
        gone: dict[str, Any] = {"title": "", "handle": "", "status": DELETED}
        gone |= {"updated_at": FOREVER, "told_at": FOREVER}
        return Facts(products=[({"id": product_id, **EMPTY, **gone}, [])])
    updated = moment(payload.get("updated_at"), "updated_at")
    prices = [
        minor(v.get("price") or 0, currency, "variants.price") for v in rows(payload, "variants")
    ]
    variants: list[dict[str, Any]] = [
        {
            "product_id": product_id,
            "id": number(variant, "id"),
            "title": text(variant, "title"),
            "sku": text(variant, "sku"),
            "price": price,
            "compare_at_price": minor(variant["compare_at_price"], currency)
            if variant.get("compare_at_price")
            else None,
            "inventory_item_id": variant.get("inventory_item_id"),
        }
        for variant, price in zip(rows(payload, "variants"), prices, strict=True)
    ]
    tags = payload.get("tags")
    image = part(payload, "image") or next(iter(rows(payload, "images")), {})
    product = {
        "id": product_id,
        "title": text(payload, "title"),
        "handle": text(payload, "handle"),
        "description": text(payload, "body_html"),
        "kind": text(payload, "product_type"),
        "tags": [tag.strip() for tag in tags.split(",") if tag.strip()]
        if isinstance(tags, str)
        else [str(tag) for tag in tags or []],
        "image": text(image, "src"),
        "price": min(prices, default=0),
        "status": text(payload, "status") or "active",
        "updated_at": updated,
        "told_at": told(payload, updated),
    }
    stocks = [stock(variant, payload) for variant in rows(payload, "variants")]
    return Facts(products=[(product, variants)], described=stocks)


EMPTY = {"description": "", "kind": "", "tags": [], "image": "", "price": 0}
