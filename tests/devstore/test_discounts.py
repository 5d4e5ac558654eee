"""Discount codes: their amounts, customers and usage limits."""

from datetime import timedelta

import pytest

from devstore.shop.products import ShopError


@pytest.fixture
def checkout(store):
    """Start a checkout of two creams, $48."""

    def start(email="mia@example.com"):
        cart = store.add_to_cart(None, store.product("cloud-cream")["variants"][0]["id"], 2)
        return store.start_checkout(cart["token"], email)["token"]

    return start


def test_a_percentage_is_taken_off_and_told(store, checkout):
    store.create_discount("WELCOME-15", percentage=0.15)
    token = checkout()
    assert store.apply_code(token, " welcome-15 ").cents == 720

    store.complete_checkout(token)

    order = store.deliveries("orders/create")[0].payload
    assert order["discount_codes"] == [
        {"code": "WELCOME-15", "amount": "7.20", "type": "percentage"}
    ]
    assert (order["total_discounts"], order["total_price"]) == ("7.20", "46.75")
    assert order["line_items"][0]["discount_allocations"][0]["amount"] == "7.20"


def test_an_amount_never_takes_more_than_there_is(store, checkout):
    store.create_discount("HUGE", amount=100_00)

    assert store.apply_code(checkout(), "HUGE").cents == 48_00


def test_free_shipping_is_taken_off_the_shipping_and_told(store, checkout):
    store.create_discount("SHIP", free_shipping=True)
    token = checkout()
    assert store.checkout(token)["shipping"] == 595
    tried = store.apply_code(token, "ship")
    assert (tried.cents, tried.refused) == (0, None)
    assert store.checkout(token)["shipping"] == 0

    store.complete_checkout(token)

    order = store.deliveries("orders/create")[0].payload
    assert order["discount_codes"] == [{"code": "SHIP", "amount": "5.95", "type": "shipping"}]
    assert (order["subtotal_price"], order["total_price"]) == ("48.00", "48.00")
    (line,) = order["shipping_lines"]
    assert (line["price"], line["discounted_price"]) == ("5.95", "0.00")
    assert line["discount_allocations"][0]["amount"] == "5.95"
    assert order["discount_applications"][0]["target_type"] == "shipping_line"
    assert order["line_items"][0]["discount_allocations"] == []


def test_free_shipping_goes_with_its_code(store, checkout):
    store.create_discount("SHIP", free_shipping=True)
    token = checkout()
    store.apply_code(token, "SHIP")

    assert store.remove_code(token)["shipping"] == 595


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ({"usage_limit": 0}, "already been used"),
        ({"minimum": 50_00}, "needs a subtotal of $50.00"),
        ({"customers": [1]}, "not available to you"),
    ],
)
def test_a_code_that_does_not_hold_says_why(store, checkout, rules, why):
    store.create_discount("X", percentage=0.1, **rules)

    assert why in (store.apply_code(checkout(), "X").refused or "")


def test_codes_start_and_end(store, checkout, clock):
    at = clock()
    hour = timedelta(hours=1)
    store.create_discount("X", percentage=0.1, starts_at=at + hour, ends_at=at + 2 * hour)
    token = checkout()

    assert store.apply_code(token, "X").refused == "X is not active yet."
    clock.skip(hours=1)
    assert store.apply_code(token, "X").refused is None
    clock.skip(hours=1)
    assert store.apply_code(token, "X").refused == "X has expired."


def test_the_limit_of_uses_counts_for_each_code(store, checkout):
    made = store.create_discount("A", percentage=0.1, usage_limit=1)
    assert store.add_codes(made["id"], ["B", "a"]) == ["B"]

    for code in ("A", "B"):
        token = checkout()
        assert store.apply_code(token, code).refused is None
        store.complete_checkout(token)
        assert store.apply_code(checkout(), code).refused == f"{code} has already been used."


def test_once_per_customer_is_once_per_customer(store, checkout):
    store.create_discount("ONCE", percentage=0.1, once_per_customer=True)
    token = checkout()
    store.apply_code(token, "ONCE")
    store.complete_checkout(token)

    assert store.apply_code(checkout("Mia@Example.com"), "ONCE").refused
    assert store.apply_code(checkout("ann@example.com"), "ONCE").refused is None


def test_two_checkouts_cannot_share_the_last_use(store, checkout):
    store.create_discount("LAST", percentage=0.1, usage_limit=1)
    first, second = checkout("a@example.com"), checkout("b@example.com")
    store.apply_code(first, "LAST")
    store.apply_code(second, "LAST")
    store.complete_checkout(first)

    with pytest.raises(ShopError, match="already been used"):
        store.complete_checkout(second)
    assert store.update_checkout(second, phone="+12125550123")["code"] is None
    assert store.complete_checkout(second)["reduction"] == 0
