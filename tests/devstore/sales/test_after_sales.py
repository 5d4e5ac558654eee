"""After a sale: what is told of refunds, returns and parcels, and what is read of them."""

import pytest

from devstore.admin.api import answer
from devstore.shop.products import ShopError

ORDERS = """query { orders(first: 5, sortKey: UPDATED_AT) { nodes { id updatedAt
  currentTotalPriceSet { shopMoney { amount } }
  lineItems(first: 5) { nodes { quantity currentQuantity } }
  refunds(first: 9) { id note totalRefundedSet { shopMoney { amount } } }
  returns(first: 9) { nodes { id status createdAt requestApprovedAt closedAt } }
  fulfillments(first: 9) { id status updatedAt
    trackingInfo(first: 9) { company number url }
    fulfillmentLineItems(first: 9) { nodes { quantity lineItem { title isGiftCard } } }
    events(first: 9) { nodes { status happenedAt } } } } } }"""


@pytest.fixture
def sold(store):
    """An order of two creams at 24.00: its id, and the cream's."""
    cream = store.product("cloud-cream")["variants"][0]["id"]
    cart = store.add_to_cart(None, cream, 2)["token"]
    checkout = store.start_checkout(cart, "mia@example.com")["token"]
    return store.complete_checkout(checkout)["id"], cream


def told(store, topic):
    return store.deliveries(topic)[-1].payload


def read(store) -> dict:
    (order,) = answer(store, ORDERS)["data"]["orders"]["nodes"]
    return order


def test_a_refund_says_in_each_of_its_parts_what_went_back(store, sold):
    order, cream = sold
    paid = told(store, "orders/create")

    store.refund_order(order, {cream: 1}, shipping=True)

    refund, now = told(store, "refunds/create"), told(store, "orders/updated")
    (line,), (adjustment,) = refund["refund_line_items"], refund["order_adjustments"]
    (transaction,) = refund["transactions"]
    shipping = float(paid["total_shipping_price_set"]["shop_money"]["amount"])
    assert (line["subtotal"], line["quantity"], line["line_item"]["quantity"]) == (24.0, 1, 2)
    assert float(adjustment["amount"]) == -shipping
    assert float(transaction["amount"]) == 24.0 + shipping > 24.0
    assert (transaction["kind"], transaction["status"]) == ("refund", "success")
    left = float(paid["total_price"]) - float(transaction["amount"])
    assert now["total_price"] == paid["total_price"]
    assert float(now["current_total_price"]) == pytest.approx(left)
    assert (now["current_subtotal_price"], now["current_total_discounts"]) == ("24.00", "0.00")
    assert (now["current_total_tax"], now["line_items"][0]["current_quantity"]) == ("0.00", 1)
    order_read = read(store)
    assert order_read["currentTotalPriceSet"]["shopMoney"]["amount"] == now["current_total_price"]
    assert order_read["lineItems"]["nodes"] == [{"quantity": 2, "currentQuantity": 1}]
    assert order_read["refunds"] == [
        {
            "id": refund["admin_graphql_api_id"],
            "note": None,
            "totalRefundedSet": {"shopMoney": {"amount": transaction["amount"]}},
        }
    ]


def test_a_return_goes_its_way_and_no_other(store, sold, clock):
    order, cream = sold
    asked = store.request_return(order, {cream: 1})
    assert told(store, "returns/request")["status"] == "requested"
    with pytest.raises(ShopError):
        store.move_return(order, asked, "returns/close")
    clock.skip(hours=1)

    for topic, status in (
        ("returns/approve", "open"),
        ("returns/close", "closed"),
        ("returns/reopen", "open"),
        ("returns/cancel", "canceled"),
    ):
        store.move_return(order, asked, topic)
        assert told(store, topic)["status"] == status
        (returned,) = read(store)["returns"]["nodes"]
        assert returned["status"] == status.upper()
        assert (returned["closedAt"] is not None) == (status == "closed")
    assert returned["requestApprovedAt"] > returned["createdAt"]
    with pytest.raises(ShopError):
        store.move_return(order, asked, "returns/decline")


def test_returns_are_read_by_who_may(store, sold):
    store.request_return(sold[0])
    store.grant([scope for scope in store.granted if scope != "read_returns"])

    (error,) = answer(store, ORDERS)["errors"]

    assert error["extensions"]["code"] == "ACCESS_DENIED"


def test_a_parcel_is_read_as_it_was_told(store, sold, clock):
    order, cream = sold
    sent = store.fulfil_order(order, {cream: 1}, numbers=("A",))["fulfillments"][0]["id"]
    clock.skip(minutes=5)
    store.track_parcel(order, sent, "B")
    store.report_parcel(order, sent, "out_for_delivery")

    sent_told, seen_told = (
        told(store, topic) for topic in ("fulfillments/update", "fulfillment_events/create")
    )
    (parcel,) = read(store)["fulfillments"]
    assert parcel["id"] == sent_told["admin_graphql_api_id"]
    assert [each["number"] for each in parcel["trackingInfo"]] == sent_told["tracking_numbers"]
    assert [each["url"] for each in parcel["trackingInfo"]] == sent_told["tracking_urls"]
    (line,) = parcel["fulfillmentLineItems"]["nodes"]
    assert (line["quantity"], line["lineItem"]["title"]) == (1, sent_told["line_items"][0]["title"])
    (seen,) = parcel["events"]["nodes"]
    assert (seen["status"], seen_told["status"]) == ("OUT_FOR_DELIVERY", "out_for_delivery")
    assert seen_told["fulfillment_id"] == sent


def test_each_change_of_what_was_sold_is_a_change_of_its_order(store, sold, clock):
    order, cream = sold
    acts = (
        lambda: store.fulfil_order(order, {cream: 1}),
        lambda: store.track_parcel(order, store.order(order)["fulfillments"][0]["id"], "A"),
        lambda: store.request_return(order, {cream: 1}),
        lambda: store.refund_order(order, {cream: 1}),
    )
    for act in acts:
        before = read(store)["updatedAt"]
        clock.skip(minutes=1)
        act()
        assert read(store)["updatedAt"] > before


def test_a_recovery_link_names_the_cart_and_opens_nothing_without_its_key(store, shop):
    cart = store.add_to_cart(None, store.product("cloud-cream")["variants"][0]["id"])["token"]
    checkout = store.start_checkout(cart, "mia@example.com")

    link = told(store, "checkouts/create")["abandoned_checkout_url"]

    path, _, key = link.removeprefix(store.storefront_url).partition("?key=")
    assert path == f"/checkouts/ac/{cart}/recover"
    assert checkout["token"] not in link
    assert shop.get(f"{path}?key={key}", follow_redirects=False).status_code == 302
    assert shop.get(f"{path}?key={key[1:]}x", follow_redirects=False).status_code == 404
