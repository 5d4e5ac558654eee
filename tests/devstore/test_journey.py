"""A shopper's way through the shop, reported as Shopify does."""

import threading

import pytest

from devstore.admin import history
from devstore.sales import amounts
from devstore.shop.order_payloads import recover_key
from devstore.shop.products import ShopError
from devstore.shop.store import Store

NAMES = {"id", "admin_graphql_api_id", "created_at", "updated_at"}


def topics(store):
    return [each.topic for each in store.deliveries()]


def told(store, topic):
    return store.deliveries(topic)[-1].payload


def test_a_purchase_is_told_in_the_order_it_happened(store, bought):
    bought(accepts_marketing=True)

    assert topics(store) == [
        "carts/create",
        "checkouts/create",
        "checkouts/update",
        "customers/create",
        "customers/update",
        "customers_email_marketing_consent/update",
        "orders/create",
        "orders/paid",
        "customers/purchasing_summary",
        "checkouts/update",
        "inventory_levels/update",
        "products/update",
    ]
    summary = told(store, "customers/purchasing_summary")
    assert (summary["numberOfOrders"], summary["amountSpent"]["amount"]) == (1, "29.95")


def test_an_order_says_who_what_and_from_which_checkout(store, bought):
    order = bought()
    said = told(store, "orders/create")

    assert set(said) >= NAMES | {"line_items", "discount_codes", "client_details", "landing_site"}
    assert said["checkout_token"] == order["checkout_token"]
    assert said["cart_token"] == order["cart_token"]
    assert (said["subtotal_price"], said["total_price"]) == ("24.00", "29.95")
    assert said["current_total_price"] == "29.95"
    assert said["total_price_set"]["presentment_money"] == {
        "amount": "29.95",
        "currency_code": "USD",
    }
    assert said["customer"]["email"] == said["email"] == "mia@example.com"
    assert said["created_at"] == "2026-11-20T10:00:00-05:00"
    assert 10**12 <= said["id"] < 10**14
    assert said["admin_graphql_api_id"] == f"gid://shopify/Order/{said['id']}"


def test_customers_carry_no_consent_and_carts_no_customer(store, bought):
    bought(accepts_marketing=True, phone="+12125550123", accepts_sms=True)

    customer = told(store, "customers/update")
    assert not {"tags", "orders_count", "total_spent", "accepts_marketing"} & set(customer)
    assert not [key for key in customer if "consent" in key]
    assert not {"customer", "email"} & set(told(store, "carts/create"))
    assert told(store, "customers_email_marketing_consent/update") == {
        "customer_id": customer["id"],
        "email_address": "mia@example.com",
        "email_marketing_consent": {
            "state": "subscribed",
            "opt_in_level": "single_opt_in",
            "consent_updated_at": "2026-11-20T10:00:00-05:00",
        },
    }
    assert told(store, "customers_marketing_consent/update")["phone"] == "+12125550123"


def test_a_checkout_is_reported_once_it_has_an_address(store):
    cart = store.add_to_cart(None, store.products()[0]["variants"][0]["id"])
    checkout = store.start_checkout(cart["token"])
    assert "checkouts/create" not in topics(store)

    store.update_checkout(checkout["token"], email="mia@example.com")
    store.update_checkout(checkout["token"], email="mia@example.com")

    assert topics(store)[1:] == ["checkouts/create"]
    said = told(store, "checkouts/create")
    assert "id" not in said
    assert said["token"] == checkout["token"]
    assert said["cart_token"] == cart["token"]
    assert f"/checkouts/ac/{cart['token']}/recover?key=" in said["abandoned_checkout_url"]


def test_a_checkout_is_paid_once(store, bought):
    order = bought()

    assert store.complete_checkout(order["checkout_token"]) == order
    assert len(store.deliveries("orders/create")) == 1


def test_a_second_order_makes_no_second_customer(store, bought):
    first, second = bought("Mia@example.com"), bought("mia@EXAMPLE.com")

    assert first["customer_id"] == second["customer_id"]
    assert len(store.deliveries("customers/create")) == 1


def test_an_unchanged_cart_sends_no_webhook(store):
    line = store.products()[0]["variants"][0]["id"]
    cart = store.add_to_cart(None, line)
    store.set_quantity(cart["token"], line, 1)

    assert topics(store) == ["carts/create"]


def test_a_cancelled_order_is_told_twice_and_goes_back_to_stock(store, bought):
    stock = store.product("cloud-cream")["variants"][0]["stock"]
    order = bought()
    store.cancel_order(order["id"])
    store.cancel_order(order["id"])

    assert topics(store)[-5:] == [
        "orders/cancelled",
        "orders/updated",
        "customers/purchasing_summary",
        "inventory_levels/update",
        "products/update",
    ]
    assert told(store, "customers/purchasing_summary")["amountSpent"]["amount"] == "0.00"
    assert told(store, "orders/cancelled")["cancelled_at"]
    assert store.product("cloud-cream")["variants"][0]["stock"] == stock


def test_a_product_without_stock_cannot_be_bought(store):
    store.update_product("cloud-cream", stock=1)
    variant = store.product("cloud-cream")["variants"][0]["id"]

    with pytest.raises(ShopError, match="Only 1 left"):
        store.add_to_cart(None, variant, 2)


def test_an_abandoned_cart_comes_back(store):
    variant = store.products()[0]["variants"][0]["id"]
    cart = store.add_to_cart(None, variant)
    checkout = store.start_checkout(cart["token"], "mia@example.com")
    store.set_quantity(cart["token"], variant, 0)

    store.recover(cart["token"])

    assert [line["variant_id"] for line in store.cart(cart["token"])["lines"]] == [variant]
    assert checkout["cart_token"] == cart["token"]
    assert recover_key(cart["token"]) != recover_key("another")


def test_nothing_is_told_before_the_app_is_on_the_shop(app):
    store = Store(app=app)
    store.subscribe_newsletter("mia@example.com")
    assert topics(store) == []

    store.install()
    store.set_consent("mia@example.com", email_state="unsubscribed")
    assert topics(store) == ["customers/update", "customers_email_marketing_consent/update"]
    store.close()


def test_only_topics_of_the_manifest_are_told(store, bought, app):
    store.fulfil_order(bought()["id"])

    assert set(topics(store)) <= app.topics
    assert "orders/paid" in topics(store)
    assert "fulfillments/update" not in topics(store)


def test_who_wants_to_be_forgotten_is_told_to_every_app(store, bought):
    order = bought()
    store.ask_for_data("mia@example.com")
    store.redact_customer("mia@example.com")

    assert topics(store)[-2:] == ["customers/data_request", "customers/redact"]
    assert told(store, "customers/redact") == {
        "shop_id": store.shop_id,
        "shop_domain": "dewpoint.myshopify.com",
        "customer": {"id": order["customer_id"], "email": "mia@example.com", "phone": None},
        "orders_to_redact": [order["id"]],
    }


def test_a_shop_is_forgotten_two_days_after_it_left(store, clock):
    store.uninstall()
    assert [each.topic for each in store.due(9)] == ["app/uninstalled"]
    clock.skip(hours=48)
    assert [each.topic for each in store.due(9)] == ["app/uninstalled", "shop/redact"]

    store.install()
    assert topics(store) == ["app/uninstalled"]


def test_the_shop_remembers_everything_after_a_restart(app, tmp_path):
    first = Store(tmp_path / "store.db", app=app)
    first.install()
    first.subscribe_newsletter("mia@example.com")
    sent = first.deliveries()
    first.close()

    second = Store(tmp_path / "store.db", app=app)
    assert second.installed
    assert second.deliveries() == sent
    assert len(second.products()) == 26
    second.close()


def test_two_hundred_journeys_in_eight_threads_lose_nothing(store, bought):
    def shopping(hand):
        for n in range(25):
            bought(f"shopper-{hand}-{n}@example.com", "rain-lip-balm")

    hands = [threading.Thread(target=shopping, args=(hand,)) for hand in range(8)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()

    orders = [each.payload for each in store.deliveries("orders/create")]
    assert len({each["id"] for each in orders}) == 200
    assert sorted(each["order_number"] for each in orders) == list(range(1001, 1201))
    assert store.product("rain-lip-balm")["variants"][0]["stock"] == 40


def test_an_edited_order_tells_what_changed_and_a_deleted_one_its_id(store):
    variant = store.product("cloud-cream")["variants"][0]["id"]
    cart = store.add_to_cart(None, variant, 2)
    order = store.complete_checkout(store.start_checkout(cart["token"], "mia@example.com")["token"])

    store.edit_order(order["id"], variant, 1)
    store.edit_order(order["id"], variant, -2)
    store.delete_order(order["id"])

    more, less = (each.payload["order_edit"] for each in store.deliveries("orders/edited"))
    line = order["id"] + 100
    assert more["line_items"] == {"additions": [{"id": line, "delta": 1}], "removals": []}
    assert less["line_items"] == {"additions": [], "removals": [{"id": line, "delta": 2}]}
    told_of = [each.payload for each in store.deliveries("orders/updated")]
    assert {each["subtotal_price"] for each in told_of} == {"48.00"}
    assert [each["current_subtotal_price"] for each in told_of] == ["72.00", "24.00"]
    assert [each["line_items"][0]["current_quantity"] for each in told_of] == [3, 1]
    assert told(store, "orders/delete") == {"id": order["id"]}
    assert store.order(order["id"]) is None
    with pytest.raises(ShopError):
        store.edit_order(order["id"], variant, 1)


@pytest.fixture
def sold(store):
    """Return an order of two creams at 24.00, and how to read its newest webhook."""
    variant = store.product("cloud-cream")["variants"][0]["id"]
    cart = store.add_to_cart(None, variant, 2)["token"]
    checkout = store.start_checkout(cart, "mia@example.com")["token"]
    return store.complete_checkout(checkout), variant


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
