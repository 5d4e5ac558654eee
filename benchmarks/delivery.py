"""Sign a webhook delivery as Shopify sends it: an order of 7.2 KB."""

import base64
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime

DOMAIN = "dewpoint.myshopify.com"
PATH = "/webhooks/shopify"
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
SIZE = 7_200  # bytes: an order of three lines (reference: the dev store's own orders)


@dataclass(frozen=True)
class Request:
    """An HTTP request but for its webhook id, which stands between `before` and `after`."""

    before: bytes
    after: bytes


def signed(secret: str) -> Request:
    """An orders/create delivery under the app's secret."""
    return sign(secret, "orders/create", order(), domain=DOMAIN, at=AT)


def sign(secret: str, topic: str, body: bytes, *, domain: str, at: datetime) -> Request:
    """Any delivery under the app's secret."""
    signature = base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
    head = [
        f"POST {PATH} HTTP/1.1",
        "Host: 127.0.0.1",
        "User-Agent: Shopify-Captain-Hook",
        "Accept: */*",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"X-Shopify-Topic: {topic}",
        f"X-Shopify-Shop-Domain: {domain}",
        "X-Shopify-API-Version: 2026-10",
        f"X-Shopify-Hmac-Sha256: {signature}",
        f"X-Shopify-Triggered-At: {at.isoformat()}",
        "X-Shopify-Event-Id: 98880550-7158-44d4-b7cd-2c97c8a091b5",
        "X-Shopify-Webhook-Id: ",
    ]
    return Request("\r\n".join(head).encode(), b"\r\n\r\n" + body)


def order() -> bytes:
    """An order's JSON of exactly `SIZE` bytes; the note fills it up."""
    money = {"amount": "49.00", "currency_code": "USD"}
    pair = {"shop_money": money, "presentment_money": money}
    address = {
        "first_name": "Mina", "last_name": "Okafor", "address1": "12 Mill Lane", "phone": None,
        "city": "Portland", "zip": "97205", "province": "Oregon", "country": "United States",
        "country_code": "US", "province_code": "OR", "latitude": 45.52, "longitude": -122.69,
    }  # fmt: skip
    lines = [
        {
            "id": 15_000_000_000_000 + number,
            "admin_graphql_api_id": f"gid://shopify/LineItem/{15_000_000_000_000 + number}",
            "title": f"Rain serum {number}", "name": f"Rain serum {number} - 30 ml", "quantity": 1,
            "price": "49.00", "price_set": pair, "product_id": 9_000_000_000_000 + number,
            "variant_id": 47_000_000_000_000 + number, "sku": f"RAIN-{number}-30", "grams": 80,
            "vendor": "Dewpoint", "taxable": True, "gift_card": False, "tax_lines": [],
            "discount_allocations": [], "properties": [], "requires_shipping": True,
            "total_discount": "0.00", "total_discount_set": pair,
        }
        for number in range(3)
    ]  # fmt: skip
    names = ("subtotal_price", "total_discounts", "total_line_items_price", "total_price",
             "total_tax", "total_shipping_price", "current_total_price",
             "current_subtotal_price")  # fmt: skip
    document = {
        "id": 6_100_000_000_001, "name": "#1001", "order_number": 1001, "currency": "USD",
        "email": "mina.okafor@example.com", "created_at": "2026-11-21T07:00:00-05:00",
        "updated_at": "2026-11-21T07:00:01-05:00", "financial_status": "paid",
        **dict.fromkeys(names, "147.00"), **{f"{name}_set": pair for name in names},
        "customer": {"id": 7_100_000_000_001, "email": "mina.okafor@example.com",
                     "default_address": address},
        "billing_address": address, "shipping_address": address, "line_items": lines, "note": "",
    }  # fmt: skip
    document["note"] = "x" * (SIZE - len(json.dumps(document)))
    return json.dumps(document).encode()
