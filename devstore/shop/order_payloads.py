"""Checkouts and orders as Shopify's webhooks write them, API version 2026-10."""

import hashlib
from typing import Any

from devstore.sales import amounts
from devstore.sales import payloads as sales
from devstore.shop.database import Database, Document
from devstore.shop.payloads import Payload, address, at, customer, gid, line_key, money, money_set

# What an order of an online store without taxes, tips and notes leaves empty.
UNUSED: Payload = {
    "closed_at": None,
    "current_total_additional_fees_set": None,
    "current_total_duties_set": None,
    "current_total_tax": "0.00",
    "device_id": None,
    "duties_included": False,
    "estimated_taxes": False,
    "landing_site_ref": None,
    "location_id": None,
    "merchant_of_record_app_id": None,
    "note": None,
    "note_attributes": [],
    "original_total_additional_fees_set": None,
    "original_total_duties_set": None,
    "po_number": None,
    "reference": None,
    "source_identifier": None,
    "source_url": None,
    "tax_exempt": False,
    "tax_lines": [],
    "taxes_included": False,
    "merchant_business_entity_id": "MTU0ODM4MDAwOQ",
    "total_outstanding": "0.00",
    "total_tax": "0.00",
    "total_tip_received": "0.00",
    "user_id": None,
    "payment_terms": None,
    "line_item_groups": [],
}

UNIT_PRICE = (
    "measured_type", "quantity_value", "quantity_unit", "reference_value", "reference_unit"
)  # fmt: skip


def checkout(shop: Database, row: Document, buyer: Document | None) -> Payload:
    """checkouts/create and checkouts/update."""
    subtotal = row["subtotal"] - row["reduction"]
    told: Payload = {
        "token": row["token"],
        "cart_token": row["cart_token"],
        "email": row["email"],
        "gateway": None,
        "buyer_accepts_marketing": row["accepts_marketing"],
        "created_at": at(shop, row["created_at"]),
        "updated_at": at(shop, row["updated_at"]),
        "landing_site": row["landing_site"],
        "note": None,
        "note_attributes": [],
        "referring_site": row["referring_site"],
        "shipping_lines": _checkout_shipping(row),
        "taxes_included": False,
        "total_weight": sum(line["grams"] * line["quantity"] for line in row["lines"]),
        "currency": shop.currency,
        "completed_at": at(shop, row["completed_at"]),
        "closed_at": None,
        "user_id": None,
        "location_id": None,
        "source_identifier": None,
        "source_url": None,
        "device_id": None,
        "phone": row["phone"],
        "customer_locale": row["locale"],
        "line_items": [_checkout_line(line) for line in row["lines"]],
        "name": f"#{row['number']}",
        "source": None,
        "abandoned_checkout_url": recover_url(shop, row),
        "discount_codes": _codes(row),
        "tax_lines": [],
        "source_name": "web",
        "presentment_currency": shop.currency,
        "buyer_accepts_sms_marketing": row["accepts_sms"],
        "sms_marketing_phone": row["phone"] if row["accepts_sms"] else None,
        "total_discounts": money(saved(row)),
        "total_line_items_price": money(row["subtotal"]),
        "total_price": money(subtotal + row["shipping"]),
        "total_tax": "0.00",
        "subtotal_price": money(subtotal),
        "total_duties": None,
        "reservation_token": None,
    }
    if row["address"]:
        told["billing_address"] = address(row["address"])
        told["shipping_address"] = address(row["address"])
    if buyer:
        told["customer"] = customer(shop, buyer, bare=True)
    return told


def recover_url(shop: Database, row: Document) -> str:
    """Return the URL that restores an abandoned checkout; today it names the cart."""
    cart = row["cart_token"]
    return f"{shop.storefront_url}/checkouts/ac/{cart}/recover?key={recover_key(cart)}"


def recover_key(token: str) -> str:
    """Return what a recovery link must carry besides the cart's token, so that a token alone opens
    nothing.
    """
    return hashlib.sha256(f"recover {token}".encode()).hexdigest()[:32]


def saved(row: Document) -> int:
    """What a code takes off, in cents: of the goods or of the shipping."""
    return int(row["reduction"]) + int(row.get("shipping_off", 0))


def _codes(row: Document) -> list[dict[str, Any]]:
    if not row["code"]:
        return []
    return [{"code": row["code"], "amount": money(saved(row)), "type": row["code_type"]}]


def _checkout_shipping(row: Document) -> list[Payload]:
    if not row["address"]:
        return []
    return [
        {
            "code": "Standard",
            "price": money(row["shipping"]),
            "source": "shopify",
            "title": "Standard",
            "presentment_title": "Standard",
            "phone": None,
            "tax_lines": [],
            "carrier_identifier": None,
        }
    ]


def _checkout_line(line: Document) -> Payload:
    was = line["compare_at"]
    return {
        "applied_discounts": [],
        "discount_allocations": [],
        "key": line_key(line).split(":")[1],
        "fulfillment_service": "manual",
        "gift_card": False,
        "grams": line["grams"],
        "presentment_title": line["title"],
        "presentment_variant_title": line["variant_title"],
        "product_id": line["product_id"],
        "properties": None,
        "quantity": line["quantity"],
        "requires_shipping": True,
        "sku": line["sku"],
        "tax_lines": [],
        "taxable": True,
        "title": line["title"],
        "variant_id": line["variant_id"],
        "variant_title": line["variant_title"],
        "variant_price": money(line["price"]),
        "vendor": line["vendor"],
        "user_id": None,
        "rank": None,
        "compare_at_price": money(was) if was else None,
        "destination_location_id": None,
        "origin_location_id": None,
        "unit_price_measurement": dict.fromkeys(UNIT_PRICE),
        "line_price": money(line["price"] * line["quantity"]),
        "price": money(line["price"]),
    }


def order(shop: Database, row: Document, buyer: Document) -> Payload:
    """orders/create, orders/updated, orders/cancelled and the like."""
    return {
        **UNUSED,
        "id": row["id"],
        "admin_graphql_api_id": gid("Order", row["id"]),
        "app_id": 580111,  # Shopify's own online store
        "browser_ip": row["browser_ip"],
        "buyer_accepts_marketing": row["accepts_marketing"],
        "cancel_reason": row["cancel_reason"],
        "cancelled_at": at(shop, row["cancelled_at"]),
        "cart_token": row["cart_token"],
        "checkout_token": row["checkout_token"],
        "client_details": {
            "accept_language": row["locale"],
            "browser_height": None,
            "browser_ip": row["browser_ip"],
            "browser_width": None,
            "session_hash": None,
            "user_agent": row["user_agent"],
        },
        "confirmation_number": row["token"][:9].upper(),
        "confirmed": True,
        "contact_email": row["email"],
        "created_at": at(shop, row["created_at"]),
        "currency": shop.currency,
        "customer_locale": row["locale"],
        "discount_codes": _codes(row),
        "email": row["email"],
        "financial_status": row["financial_status"],
        "fulfillment_status": row["fulfillment_status"],
        "landing_site": row["landing_site"],
        "name": f"#{row['order_number']}",
        "number": row["order_number"] - 1000,
        "order_number": row["order_number"],
        "order_status_url": f"{shop.storefront_url}/orders/{row['token']}",
        "payment_gateway_names": ["bogus" if amounts.is_test(row) else "shopify_payments"],
        "phone": row["phone"],
        "presentment_currency": shop.currency,
        "processed_at": at(shop, row["created_at"]),
        "referring_site": row["referring_site"],
        "source_name": "web",
        "tags": "",
        "test": amounts.is_test(row),
        "token": row["token"],
        "updated_at": at(shop, row["updated_at"]),
        "billing_address": address(row["address"]),
        "customer": customer(shop, buyer, bare=True),
        "discount_applications": _applications(row),
        "line_items": [sales.order_line(shop, row, place) for place in range(len(row["lines"]))],
        "shipping_address": address(row["address"]),
        "shipping_lines": [_shipping_line(shop, row)],
        "fulfillments": [sales.fulfilment(shop, row, each) for each in row.get("fulfillments", ())],
        "refunds": [sales.refund(shop, row, each) for each in row.get("refunds", ())],
        "returns": [sales.returned(row, each) for each in row.get("returns", ())],
        **_prices(shop, row),
    }


def _prices(shop: Database, row: Document) -> Payload:
    """What the order cost at the checkout, and what is left of that now."""
    subtotal, total = row["subtotal"] - row["reduction"], amounts.paid(row)
    current, shipping = amounts.current_total(row), amounts.current_shipping(row)
    goods, discounts = amounts.current_subtotal(row), amounts.current_discounts(row)
    off = int(row.get("shipping_off", 0))
    return {
        "current_shipping_price_set": money_set(shop, shipping),
        "current_subtotal_price": money(goods),
        "current_subtotal_price_set": money_set(shop, goods),
        "current_total_discounts": money(discounts),
        "current_total_discounts_set": money_set(shop, discounts),
        "current_total_price": money(current),
        "current_total_price_set": money_set(shop, current),
        "current_total_tax_set": money_set(shop, 0),
        "subtotal_price": money(subtotal),
        "subtotal_price_set": money_set(shop, subtotal),
        "total_discounts": money(saved(row)),
        "total_discounts_set": money_set(shop, saved(row)),
        "total_line_items_price": money(row["subtotal"]),
        "total_line_items_price_set": money_set(shop, row["subtotal"]),
        "total_price": money(total),
        "total_price_set": money_set(shop, total),
        "total_cash_rounding_payment_adjustment_set": money_set(shop, 0),
        "total_cash_rounding_refund_adjustment_set": money_set(shop, 0),
        "total_shipping_price_set": money_set(shop, row["shipping"] + off),
        "total_tax_set": money_set(shop, 0),
        "total_weight": sum(line["grams"] * line["quantity"] for line in row["lines"]),
    }


def _shipping_line(shop: Database, row: Document) -> Payload:
    off = int(row.get("shipping_off", 0))
    return {
        "id": row["id"] + 900,
        "carrier_identifier": None,
        "code": "Standard",
        "current_discounted_price_set": money_set(shop, amounts.current_shipping(row)),
        "discounted_price": money(row["shipping"]),
        "discounted_price_set": money_set(shop, row["shipping"]),
        "is_removed": False,
        "phone": None,
        "price": money(row["shipping"] + off),
        "price_set": money_set(shop, row["shipping"] + off),
        "requested_fulfillment_service_id": None,
        "source": "shopify",
        "title": "Standard",
        "tax_lines": [],
        "discount_allocations": [
            {
                "amount": money(off),
                "amount_set": money_set(shop, off),
                "discount_application_index": 0,
            }
        ]
        if off
        else [],
    }


def edit(shop: Database, row: Document, place: int, more: int) -> Payload:
    """orders/edited: no more than what changed."""
    changed = [{"id": sales.line_id(row, place), "delta": abs(more)}]
    now = shop.stamp()
    return {
        "order_edit": {
            "id": shop.next_id("edit"),
            "app_id": None,
            "created_at": now,
            "committed_at": now,
            "notify_customer": False,
            "order_id": row["id"],
            "staff_note": "",
            "user_id": None,
            "line_items": {
                "additions": changed if more > 0 else [],
                "removals": changed if more < 0 else [],
            },
            "discounts": {"line_item": {"additions": [], "removals": []}},
            "shipping_lines": {"additions": [], "removals": []},
        }
    }


def _applications(row: Document) -> list[Payload]:
    if not row["code"]:
        return []
    shipping = row["code_type"] == "shipping"
    return [
        {
            "target_type": "shipping_line" if shipping else "line_item",
            "type": "discount_code",
            "value": row["code_value"],
            "value_type": "percentage" if shipping else row["code_type"],
            "allocation_method": "each" if shipping else "across",
            "target_selection": "all",
            "code": row["code"],
        }
    ]
