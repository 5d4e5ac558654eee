"""Build the `data` of web pixels' standard events, in Shopify's shape, from rows of the shop."""

import uuid
from typing import Any

from devstore.shop.database import Document

Data = dict[str, Any]
CURRENCY = "USD"


def event(name: str, data: Document) -> Document:
    """An event as the page hands it to the pixel, which adds clientId, time and context."""
    return {"id": f"sh-{uuid.uuid4()}", "name": name, "type": "standard", "data": _data(data)}


def _data(told: Document) -> Data:
    """The rows of an event, each in its shape."""
    shapes = {"cart": cart, "line": cart_line, "checkout": checkout, "order": ordered}
    said: Data = {}
    for key, row in told.items():
        if key == "product":
            said["productVariant"] = variant(row, row["variants"][0])
        elif key == "line":
            said["cartLine"] = cart_line(row)
        elif key == "order":
            said["checkout"] = ordered(row)
        elif key == "collection":
            said["collection"] = listed(row)
        elif key == "search":
            found = [variant(each, each["variants"][0]) for each in row["products"]]
            said["searchResult"] = {"query": row["query"], "productVariants": found}
        elif row is not None:
            said[key] = shapes[key](row)
    return said


def amount(cents: int) -> Data:
    """Money as pixels see it: a number, not a text."""
    return {"amount": cents / 100, "currencyCode": CURRENCY}


def variant(product: Document, row: Document) -> Data:
    """A size with its product."""
    return {
        "id": str(row["id"]),
        "title": row["title"],
        "untranslatedTitle": row["title"],
        "sku": row["sku"],
        "price": amount(row["price"]),
        "image": {"src": f"/cdn/images/{product['handle']}.svg"},
        "product": {
            "id": str(product["id"]),
            "title": product["title"],
            "untranslatedTitle": product["title"],
            "type": product["product_type"],
            "vendor": product["vendor"],
            "url": f"/products/{product['handle']}",
        },
    }


def listed(row: Document) -> Data:
    """A collection with what stands in it."""
    return {
        "id": row["handle"],
        "title": row["title"],
        "productVariants": [variant(each, each["variants"][0]) for each in row["products"]],
    }


def cart(row: Document) -> Data:
    """A cart."""
    whole = sum(line["price"] * line["quantity"] for line in row["lines"])
    return {
        "id": row["token"],
        "attributes": [],
        "cost": {"totalAmount": amount(whole)},
        "lines": [cart_line(line) for line in row["lines"]],
        "totalQuantity": sum(line["quantity"] for line in row["lines"]),
    }


def cart_line(line: Document) -> Data:
    """A line of a cart."""
    return {
        "cost": {"totalAmount": amount(line["price"] * line["quantity"])},
        "merchandise": _merchandise(line),
        "quantity": line["quantity"],
    }


def checkout(row: Document) -> Data:
    """A checkout on its way."""
    return {
        "token": row["token"],
        "email": row["email"],
        "phone": row["phone"],
        "currencyCode": CURRENCY,
        "buyerAcceptsEmailMarketing": row["accepts_marketing"],
        "attributes": [],
        "discountApplications": [{"title": row["code"], "type": "DISCOUNT_CODE"}]
        if row["code"]
        else [],
        "discountsAmount": amount(row["reduction"]),
        "lineItems": [
            {
                "id": str(line["variant_id"]),
                "title": line["title"],
                "quantity": line["quantity"],
                "variant": _merchandise(line),
                "finalLinePrice": amount(line["price"] * line["quantity"]),
            }
            for line in row["lines"]
        ],
        "order": None,
        "shippingLine": {"price": amount(row["shipping"])},
        "subtotalPrice": amount(row["subtotal"] - row["reduction"]),
        "totalPrice": amount(row["subtotal"] - row["reduction"] + row["shipping"]),
        "totalTax": amount(0),
    }


def ordered(row: Document) -> Data:
    """A checkout that became an order."""
    return {
        **checkout({**row, "token": row["checkout_token"]}),
        "order": {
            "id": str(row["id"]),
            "customer": {"id": str(row["customer_id"]), "isFirstOrder": None},
        },
    }


def _merchandise(line: Document) -> Data:
    row = {**line, "id": line["variant_id"], "title": line["variant_title"]}
    return variant({**line, "id": line["product_id"]}, row)
