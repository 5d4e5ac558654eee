"""What becomes of orders in the dev store, as Shopify's webhooks and API tell it."""

import pytest

from devstore.admin import history
from devstore.sales import amounts
from devstore.shop.products import ShopError


@pytest.fixture
def sold(store):
    """Return an order of two creams at 24.00, and how to read its newest webhook."""
    variant = store.product("cloud-cream")["variants"][0]["id"]
    cart = store.add_to_cart(None, variant, 2)["token"]
    checkout = store.start_checkout(cart, "mia@example.com")["token"]
    return store.complete_checkout(checkout), variant


def told(store, topic):
    return store.deliveries(topic)[-1].payload


def test_what_is_added_and_taken_out_leaves_the_total_of_the_checkout(store, sold):
    order, cream = sold
    balm = store.product("rain-lip-balm")["variants"][0]

    store.edit_order(order["id"], balm["id"], 1)
    store.edit_order(order["id"], cream, -2)

    said = told(store, "orders/updated")
    assert said["total_price"] == store.deliveries("orders/create")[0].payload["total_price"]
    assert said["current_subtotal_price"] == f"{balm['price'] / 100:.2f}"
    assert [each["current_quantity"] for each in said["line_items"]] == [0, 1]
    with pytest.raises(ShopError):
        store.edit_order(order["id"], cream, -1)


def test_a_refund_tells_its_transaction_and_what_is_left(store, sold):
    order, cream = sold
    store.refund_order(order["id"], {cream: 1}, status="pending")
    store.refund_order(order["id"], {}, shipping=True)

    first, second = (each.payload for each in store.deliveries("refunds/create"))
    assert [(each["kind"], each["status"]) for each in first["transactions"]] == [
        ("refund", "pending")
    ]
    assert second["refund_line_items"] == []
    assert second["order_adjustments"][0]["kind"] == "shipping_refund"
    said = told(store, "orders/updated")
    assert said["current_total_price"] == "24.00"
    assert said["financial_status"] == "partially_refunded"
    assert [each["id"] for each in said["refunds"]] == [first["id"], second["id"]]


def test_a_refund_that_failed_gives_nothing_back(store, sold):
    order, _ = sold
    before = told(store, "orders/create")["current_total_price"]

    store.refund_order(order["id"], status="failure")

    assert told(store, "refunds/create")["transactions"][0]["status"] == "failure"
    assert told(store, "orders/updated")["current_total_price"] == before


def test_a_part_in_two_parcels_then_the_rest(store, sold):
    order, cream = sold
    sent = store.fulfil_order(order["id"], {cream: 1}, numbers=("A", "B"))
    store.track_parcel(order["id"], sent["fulfillments"][0]["id"], "C")
    store.fulfil_order(order["id"])

    assert told(store, "fulfillments/update")["tracking_numbers"] == ["A", "B", "C"]
    assert len(told(store, "orders/partially_fulfilled")["fulfillments"]) == 1
    assert told(store, "orders/fulfilled")["line_items"][0]["fulfillable_quantity"] == 0
    assert len(store.deliveries("fulfillments/create")) == 2


def test_goods_that_come_back_are_a_return_a_refund_and_no_longer_in_the_order(store, sold):
    order, cream = sold
    store.return_goods(order["id"], {cream: 1})

    back = told(store, "refunds/create")["return"]["id"]
    assert told(store, "returns/approve")["id"] == told(store, "returns/close")["id"] == back
    assert told(store, "orders/updated")["line_items"][0]["current_quantity"] == 1


def test_a_test_order_counts_for_no_one(store, sold):
    order, cream = sold
    cart = store.add_to_cart(None, cream)["token"]
    checkout = store.start_checkout(cart, "mia@example.com")["token"]
    store.complete_checkout(checkout, test=True)

    assert [each.payload["test"] for each in store.deliveries("orders/create")] == [False, True]
    spent = history.customer(store, store.customer("mia@example.com"))["amountSpent"](None)
    assert spent["amount"] == f"{amounts.current_total(order) / 100:.2f}"
