"""products/create, products/update, products/delete: the catalog."""

from datetime import UTC, datetime

from plugin.facts import Facts
from plugin.shopify.normalise.fields import (
    id_of,
    object_of,
    objects_of,
    reported_time,
    text_of,
)
from plugin.shopify.normalise.inventory import stock
from plugin.values import parse_time, to_minor_units
from storage.engine.types import JsonObject
from storage.products import DELETED, ReportedProduct, ReportedVariant

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """One product with its variants. A deletion comes with the id alone and is final."""
    product_id = id_of(payload, "id")
    if topic == "products/delete":
        gone: ReportedProduct = {
            "id": product_id, "title": "", "handle": "", "description": "", "kind": "", "tags": [],
            "image": "", "price": 0, "status": DELETED, "updated_at": FOREVER,
            "reported_at": FOREVER,
        }  # fmt: skip
        return Facts(products=[(gone, [])])
    updated = parse_time(payload.get("updated_at"), "updated_at")
    prices = [
        to_minor_units(v.get("price") or 0, currency, "variants.price")
        for v in objects_of(payload, "variants")
    ]
    variants: list[ReportedVariant] = [
        {
            "product_id": product_id,
            "id": id_of(variant, "id"),
            "title": text_of(variant, "title"),
            "sku": text_of(variant, "sku"),
            "price": price,
            "compare_at_price": to_minor_units(variant["compare_at_price"], currency)
            if variant.get("compare_at_price")
            else None,
            "inventory_item_id": variant.get("inventory_item_id"),
        }
        for variant, price in zip(objects_of(payload, "variants"), prices, strict=True)
    ]
    tags = payload.get("tags")
    image = object_of(payload, "image") or next(iter(objects_of(payload, "images")), {})
    product: ReportedProduct = {
        "id": product_id,
        "title": text_of(payload, "title"),
        "handle": text_of(payload, "handle"),
        "description": text_of(payload, "body_html"),
        "kind": text_of(payload, "product_type"),
        "tags": [tag.strip() for tag in tags.split(",") if tag.strip()]
        if isinstance(tags, str)
        else [str(tag) for tag in tags or []],
        "image": text_of(image, "src"),
        "price": min(prices, default=0),
        "status": text_of(payload, "status") or "active",
        "updated_at": updated,
        "reported_at": reported_time(payload, updated),
    }
    stocks = [stock(variant, payload) for variant in objects_of(payload, "variants")]
    return Facts(products=[(product, variants)], records=stocks)
