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
from storage.products import (
    DELETED,
    InventoryPolicy,
    ProductWithVariants,
    ReportedProduct,
    ReportedVariant,
)

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
# Shopify's words for "on the online store", without and with its point of sale.
WEB_SCOPES = ("web", "global")


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """One product with its variants. A deletion comes with the id alone and is final."""
    product_id = id_of(payload, "id")
    if topic == "products/delete":
        gone: ReportedProduct = {
            "id": product_id, "title": "", "handle": "", "description": "", "kind": "", "tags": [],
            "image": "", "price": 0, "status": DELETED, "published_at": None,
            "updated_at": FOREVER, "reported_at": FOREVER,
        }  # fmt: skip
        return Facts(products=[ProductWithVariants(gone, [])])
    updated = parse_time(payload.get("updated_at"), "updated_at")
    variants = [_variant(each, product_id, currency) for each in objects_of(payload, "variants")]
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
        "price": min((variant["price"] for variant in variants), default=0),
        "status": text_of(payload, "status") or "active",
        "published_at": _published_at(payload, updated),
        "updated_at": updated,
        "reported_at": reported_time(payload, updated),
    }
    stocks = [stock(variant, payload) for variant in objects_of(payload, "variants")]
    fact = ProductWithVariants(product, variants, _other_variants(payload, variants))
    return Facts(products=[fact], records=stocks)


def _published_at(payload: JsonObject, updated: datetime) -> datetime | None:
    """From when on the online store shows it; None while it does not. Unsaid, it has been shown."""
    if (payload.get("published_scope") or WEB_SCOPES[0]) not in WEB_SCOPES:
        return None
    if "published_at" not in payload:
        return updated
    published_at = payload["published_at"]
    return parse_time(published_at, "published_at") if published_at else None


def _variant(variant: JsonObject, product_id: int, currency: str) -> ReportedVariant:
    was = variant.get("compare_at_price")
    sells_on = variant.get("inventory_policy") == InventoryPolicy.CONTINUE
    return {
        "product_id": product_id,
        "id": id_of(variant, "id"),
        "title": text_of(variant, "title"),
        "sku": text_of(variant, "sku"),
        "price": to_minor_units(variant.get("price") or 0, currency, "variants.price"),
        "compare_at_price": to_minor_units(was, currency) if was else None,
        "inventory_item_id": variant.get("inventory_item_id"),
        "inventory_policy": InventoryPolicy.CONTINUE if sells_on else InventoryPolicy.DENY,
        # Webhooks of Shopify's newer versions leave it out.
        "tracked": bool(variant["inventory_management"])
        if "inventory_management" in variant
        else None,
    }


def _other_variants(payload: JsonObject, variants: list[ReportedVariant]) -> frozenset[int]:
    """The variants that the payload names only: a webhook describes the first hundred."""
    named = (text_of(each, "admin_graphql_api_id") for each in objects_of(payload, "variant_gids"))
    numbers = (gid.rpartition("/")[2] for gid in named)
    return frozenset(int(number) for number in numbers if number.isdecimal()) - {
        variant["id"] for variant in variants
    }
