"""Refunds, payments, parcels and returns as Shopify's webhooks write them, API version 2026-10."""

from devstore.sales import amounts
from devstore.shop.database import Database, Document
from devstore.shop.payloads import Payload, address, at, gid, money, money_set

SIDES = ("presentment_money", "shop_money")
# What a line has inside an order alone.
IN_ORDERS = ("attributed_staffs", "current_quantity", "sales_line_item_group_id")


def line_id(order: Document, place: int) -> int:
    """The id of a line: its place never changes, for what is taken out stays among the lines."""
    return int(order["id"]) + 100 + place


def order_line(shop: Database, row: Document, place: int) -> Payload:
    """A line of an order."""
    line, number = row["lines"][place], line_id(row, place)
    share = line.get("reduction", 0)
    sent = line.get("fulfilled", 0)
    return {
        "id": number,
        "admin_graphql_api_id": gid("LineItem", number),
        "attributed_staffs": [],
        "current_quantity": amounts.left(row, line),
        "fulfillable_quantity": max(0, amounts.left(row, line) - sent),
        "fulfillment_service": "manual",
        "fulfillment_status": "fulfilled"
        if sent >= line["quantity"]
        else "partial"
        if sent
        else None,
        "gift_card": False,
        "grams": line["grams"],
        "name": f"{line['title']} - {line['variant_title']}",
        "price": money(line["price"]),
        "price_set": money_set(shop, line["price"]),
        "product_exists": True,
        "product_id": line["product_id"],
        "properties": [],
        "quantity": line["quantity"],
        "requires_shipping": True,
        "sales_line_item_group_id": None,
        "sku": line["sku"],
        "taxable": True,
        "title": line["title"],
        "total_discount": "0.00",  # codes for the whole order stand in discount_allocations
        "total_discount_set": money_set(shop, 0),
        "variant_id": line["variant_id"],
        "variant_inventory_management": "shopify",
        "variant_title": line["variant_title"],
        "vendor": line["vendor"],
        "tax_lines": [],
        "duties": [],
        "discount_allocations": [
            {
                "amount": money(share),
                "amount_set": money_set(shop, share),
                "discount_application_index": 0,
            }
        ]
        if share
        else [],
    }


def _plain_line(shop: Database, order: Document, place: int) -> Payload:
    """A line as it stands inside parcels and refunds."""
    told = order_line(shop, order, place)
    return {name: value for name, value in told.items() if name not in IN_ORDERS}


def refund(shop: Database, order: Document, row: Document) -> Payload:
    """refunds/create. A refund of shipping has no lines and says its amount twice."""
    shipping = int(row["shipping"])
    return {
        "id": row["id"],
        "admin_graphql_api_id": gid("Refund", row["id"]),
        "order_id": order["id"],
        "created_at": at(shop, row["created_at"]),
        "processed_at": at(shop, row["created_at"]),
        "note": None,
        "user_id": None,
        "restock": bool(row["lines"]),
        "duties": [],
        "total_duties_set": money_set(shop, 0),
        "return": {"id": row["return_id"]} if row["return_id"] else None,
        "order_adjustments": [_shipping_adjustment(shop, order, row)] if shipping else [],
        "refund_shipping_lines": [_shipping(shop, order, row)] if shipping else [],
        "refund_line_items": [
            {
                "id": row["id"] + 1 + number,
                "line_item_id": line_id(order, each["place"]),
                "quantity": each["quantity"],
                "location_id": None,
                "restock_type": "return",
                "subtotal": each["cents"] / 100,
                "subtotal_set": money_set(shop, each["cents"]),
                "total_tax": 0,
                "total_tax_set": money_set(shop, 0),
                "line_item": _plain_line(shop, order, each["place"]),
            }
            for number, each in enumerate(row["lines"])
        ],
        "transactions": [transaction(shop, order, row)],
    }


def _shipping(shop: Database, order: Document, row: Document) -> Payload:
    return {
        "id": row["id"] + 40,
        "shipping_line": {"id": order["id"] + 900, "title": "Standard"},
        "subtotal_amount_set": money_set(shop, row["shipping"]),
        "tax_amount_set": money_set(shop, 0),
    }


def _shipping_adjustment(shop: Database, order: Document, row: Document) -> Payload:
    return {
        "id": row["id"] + 41,
        "order_id": order["id"],
        "refund_id": row["id"],
        "kind": "shipping_refund",
        "reason": "Shipping refund",
        "amount": money(-row["shipping"]),
        "amount_set": money_set(shop, -row["shipping"]),
        "tax_amount": "0.00",
        "tax_amount_set": money_set(shop, 0),
    }


def transaction(shop: Database, order: Document, row: Document) -> Payload:
    """order_transactions/create, and the same inside a refund."""
    number = row["id"] + 50
    nothing = {"amount": "0.0", "currency": shop.currency}
    return {
        "id": number,
        "admin_graphql_api_id": gid("OrderTransaction", number),
        "order_id": order["id"],
        "kind": "refund",
        "gateway": "shopify_payments",
        "status": row["status"],
        "message": None,
        "created_at": at(shop, row["created_at"]),
        "processed_at": at(shop, row["created_at"]),
        "test": amounts.is_test(order),
        "parent_id": None,
        "source_name": "web",
        "amount": money(row["cents"]),
        "currency": shop.currency,
        "payment_id": f"#{order['order_number']}.1",
        "total_unsettled_set": {side: dict(nothing) for side in SIDES},
        "manual_payment_gateway": False,
        "amount_rounding": None,
        "receipt": {},
        **dict.fromkeys(("authorization", "device_id", "error_code", "location_id", "user_id")),
    }


CARRIER = "Parcels"


def tracking_url(number: str) -> str:
    """Where a parcel is looked up."""
    return f"https://parcels.example/{number}"


def parcel(shop: Database, order: Document, row: Document, seen: Document) -> Payload:
    """fulfillment_events/create: where a fulfilment was seen."""
    nowhere = dict.fromkeys(("city", "province", "zip", "address1", "latitude", "longitude"))
    return {
        "id": seen["id"],
        "fulfillment_id": row["id"],
        "status": seen["status"],
        "message": None,
        "happened_at": at(shop, seen["happened_at"]),
        **nowhere,
        "country": "US",
        "shop_id": shop.shop_id,
        "created_at": at(shop, seen["happened_at"]),
        "updated_at": at(shop, seen["happened_at"]),
        "estimated_delivery_at": None,
        "order_id": order["id"],
        "admin_graphql_api_id": gid("FulfillmentEvent", seen["id"]),
    }


def fulfilment(shop: Database, order: Document, row: Document) -> Payload:
    """fulfillments/create and fulfillments/update: one may be several parcels."""
    numbers, urls = row["numbers"], [tracking_url(each) for each in row["numbers"]]
    return {
        "id": row["id"],
        "admin_graphql_api_id": gid("Fulfillment", row["id"]),
        "order_id": order["id"],
        "name": f"#{order['order_number']}.{row['number']}",
        "status": row["status"],
        "created_at": at(shop, row["created_at"]),
        "updated_at": at(shop, row["updated_at"]),
        "service": "manual",
        "location_id": None,
        "shipment_status": None,
        "email": order["email"],
        "destination": address(order["address"]),
        "origin_address": None,
        "tracking_company": CARRIER if numbers else None,
        "tracking_number": numbers[0] if numbers else None,
        "tracking_numbers": numbers,
        "tracking_url": urls[0] if urls else None,
        "tracking_urls": urls,
        "receipt": {},
        "line_items": [
            _plain_line(shop, order, place) | {"quantity": quantity}
            for place, quantity in row["lines"]
        ],
    }


def returned(order: Document, row: Document) -> Payload:
    """returns/request and approve, and the same inside an order."""
    return {
        **_return(row),
        "name": f"#{order['order_number']}-R{row['number']}",
        "order": _order(order),
        "total_return_line_items": len(row["lines"]),
        "return_line_items": [
            {"id": row["id"] + 1 + number, "line_item_id": line_id(order, place), "quantity": count}
            for number, (place, count) in enumerate(row["lines"])
        ],
        "return_shipping_fees": [],
        "exchange_line_items": [],
        "total_exchange_line_items": 0,
    }


def return_moved(order: Document, row: Document, topic: str) -> Payload:
    """What became of a return: the topics do not tell alike."""
    if topic == "returns/approve":
        return returned(order, row)
    if topic == "returns/decline":
        why = {"reason": "return_period_ended", "note": "The 30-day return window has ended."}
        return {**_return(row), "order": _order(order), "decline": why}
    return {**_return(row), "order_id": order["id"]}


def _return(row: Document) -> Payload:
    about = gid("Return", row["id"])
    return {"id": row["id"], "admin_graphql_api_id": about, "status": row["status"]}


def _order(order: Document) -> Payload:
    return {"id": order["id"], "admin_graphql_api_id": gid("Order", order["id"])}


def contract(shop: Database, row: Document) -> Payload:
    """subscription_contracts/…: a contract as it stands, without any time."""
    policy = {"interval": row["interval"], "interval_count": row["every"]}
    return {
        "admin_graphql_api_id": gid("SubscriptionContract", row["id"]),
        "id": row["id"],
        "billing_policy": {**policy, "min_cycles": None, "max_cycles": None},
        "currency_code": shop.currency,
        "customer_id": row["customer_id"],
        "admin_graphql_api_customer_id": gid("Customer", row["customer_id"]),
        "delivery_policy": policy,
        "status": row["status"],
        "admin_graphql_api_origin_order_id": None,
        "origin_order_id": None,
        "revision_id": str(row["revision"]),
    }


def billing_attempt(row: Document, attempt: Document) -> Payload:
    """subscription_billing_attempts/…: one attempt to be paid."""
    return {
        "id": attempt["id"],
        "admin_graphql_api_id": gid("SubscriptionBillingAttempt", attempt["id"]),
        "idempotency_key": str(attempt["id"]),
        "order_id": None,
        "admin_graphql_api_order_id": None,
        "subscription_contract_id": row["id"],
        "admin_graphql_api_subscription_contract_id": gid("SubscriptionContract", row["id"]),
        "ready": True,
        "error_message": attempt["error"],
        "error_code": attempt["error"],
    }
