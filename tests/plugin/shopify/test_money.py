"""What an event is worth: in the shop's money, and beside it in the money that the shopper saw."""

from typing import Any

from plugin.facts import EventFact
from plugin.shopify.api import order_changes
from plugin.shopify.normalise import carts, checkouts, order_events, orders

AT = "2026-11-21T12:00:00Z"


def bag(shop: str, seen: str) -> dict[str, Any]:
    """An amount of a shop that keeps its books in dollars, as a shopper in Japan sees it."""
    return {
        "shop_money": {"amount": shop, "currency_code": "USD"},
        "presentment_money": {"amount": seen, "currency_code": "JPY"},
    }


LINE = {"title": "Balm", "quantity": 2, "price": "10.00", "price_set": bag("10.00", "1500")}
ORDER = {
    "id": 5, "created_at": AT, "updated_at": AT, "currency": "USD", "presentment_currency": "JPY",
    "total_price": "20.00", "total_price_set": bag("20.00", "3000"), "line_items": [LINE],
}  # fmt: skip


def worth(did: EventFact) -> tuple[Any, ...]:
    seen = (did.properties.get(f"presentment_{name}") for name in ("value", "currency"))
    return did.metric, did.value, did.currency, *seen


def test_orders_and_carts_are_worth_shop_money_and_say_what_was_seen() -> None:
    told = orders.normalise("orders/fulfilled", ORDER, "USD").events
    cart = {"token": "c-1", "created_at": AT, "line_items": [LINE]}

    assert [worth(did) for did in told] == [
        ("Placed Order", 2000, "USD", 3000, "JPY"),
        ("Ordered Product", 2000, "USD", 3000, "JPY"),
        ("Fulfilled Order", 2000, "USD", 3000, "JPY"),
    ]
    (added,) = carts.normalise("carts/create", cart, "USD").events
    assert worth(added) == ("Added to Cart", 1000, "USD", 1500, "JPY")


def test_in_one_currency_nothing_is_said_twice() -> None:
    amount = {"amount": "10.00", "currency_code": "USD"}
    one = {"shop_money": amount, "presentment_money": amount}
    body = ORDER | {"total_price_set": one, "line_items": [LINE | {"price_set": one}]}

    for did in orders.normalise("orders/create", body, "USD").events:
        assert not {"presentment_value", "presentment_currency"} & did.properties.keys()


def test_a_checkout_is_in_the_currency_that_its_shopper_sees() -> None:
    """The payload has no other: shop money of a checkout is known once it is an order."""
    body = {
        "token": "t-1", "created_at": AT, "updated_at": AT, "currency": "USD",
        "presentment_currency": "JPY", "total_price": "3000",
        "line_items": [{"title": "Balm", "quantity": 2, "price": "1500"}],
    }  # fmt: skip
    ((_, row),) = checkouts.normalise("checkouts/create", body, "USD").checkouts

    assert (row["total"], row["currency"], row["lines"][0]["price"]) == (3000, "JPY", 1500)


def test_a_refund_is_brought_to_shop_money_by_its_own_lines() -> None:
    paid = {"kind": "refund", "status": "success", "amount": "1499", "currency": "JPY"}
    body = {"id": 9, "order_id": 5, "created_at": AT, "transactions": [paid]}
    line = {"subtotal_set": bag("10.00", "1500")}

    (with_lines,) = order_events.refunds(
        "refunds/create", body | {"refund_line_items": [line, line]}, "USD"
    ).events
    (without,) = order_events.refunds("refunds/create", body, "USD").events

    assert worth(with_lines) == ("Refunded Order", 999, "USD", 1499, "JPY")
    assert worth(without) == ("Refunded Order", 1499, "JPY", None, None)


def test_a_refund_that_is_read_says_both_moneys_as_one_that_is_told() -> None:
    node = {
        "id": "gid://shopify/Refund/9", "createdAt": AT, "processedAt": AT, "note": None,
        "order": {"id": "gid://shopify/Order/5", "test": False, "updatedAt": AT},
        "totalRefundedSet": {
            "shopMoney": {"amount": "10.00", "currencyCode": "USD"},
            "presentmentMoney": {"amount": "1500", "currencyCode": "JPY"},
        },
    }  # fmt: skip

    (refund,) = order_changes.refund_facts(node, "USD").events

    assert worth(refund) == ("Refunded Order", 1000, "USD", 1500, "JPY")
    node["order"] |= {"test": True}
    assert order_changes.refund_facts(node, "USD").events == []
