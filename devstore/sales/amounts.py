"""What is left of an order after edits, refunds and returns, in cents.

What was paid at the checkout stays in the order's row; its lines say what was taken out since.
"""

from devstore.shop.database import Document


def left(order: Document, line: Document) -> int:
    """How many of a line are still in an order: shopify.dev, LineItem.currentQuantity."""
    if order["cancelled_at"]:
        return 0
    return int(line["quantity"] - line.get("removed", 0) - line.get("refunded", 0))


def line_total(line: Document, quantity: int) -> int:
    """What so many of a line cost, with their share of the discount that was given at first."""
    first = line["quantity"] - line.get("added", 0)
    off = line.get("reduction", 0) * min(quantity, first) // first if first else 0
    return int(line["price"] * quantity - off)


def paid(order: Document) -> int:
    """What an order cost at the checkout."""
    return int(order["subtotal"] - order["reduction"] + order["shipping"])


def current_shipping(order: Document) -> int:
    """What is left of the shipping."""
    gone = order["cancelled_at"]
    return 0 if gone else int(order["shipping"] - order.get("refunded_shipping", 0))


def current_subtotal(order: Document) -> int:
    """What the goods cost that are still in an order."""
    return sum(line_total(line, left(order, line)) for line in order["lines"])


def current_discounts(order: Document) -> int:
    """What is left of the discounts."""
    whole = sum(int(line["price"]) * left(order, line) for line in order["lines"])
    return whole - current_subtotal(order)


def current_total(order: Document) -> int:
    """What an order is worth now: shopify.dev, Order.currentTotalPriceSet."""
    return current_subtotal(order) + current_shipping(order)


def refunded(order: Document) -> int:
    """What went back."""
    return sum(int(each["cents"]) for each in order.get("refunds", ()))


def is_test(order: Document) -> bool:
    """Whether it was paid in test mode: Bogus Gateway, or a provider that tries itself out."""
    return bool(order.get("test", False))
