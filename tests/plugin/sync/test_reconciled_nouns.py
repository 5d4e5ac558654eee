"""Of each noun: what was lost on its way to us is found, brought here once, and stays as it is."""

from datetime import timedelta

import pytest
from sqlalchemy import delete
from sqlmodel import col, select

from devstore.shop.database import dumps
from plugin import clock
from plugin.cli import reconcile as cli_reconcile
from plugin.shopify.api import graphql
from storage import collections, events, inventory, subscription_contracts
from storage.engine import db
from storage.events import Event
from storage.shops import get_shop
from tests.plugin.shopify.box import the_shop
from tests.plugin.sync.comparing import compare, deliver, facts, finish, found, installed

real = graphql.text_of


@pytest.fixture
def soon(store):
    """Let the store's time go on: payloads carry whole seconds."""
    began = store.now

    def pass_by() -> None:
        store.now = lambda: began() + timedelta(seconds=2)

    return pass_by


def test_a_collection_that_was_lost_is_brought(store, shop_id):
    made = store.create_collection("winter", "Winter")

    assert found(finish(shop_id)) == {("collections", "missing"): 1}

    assert collection(shop_id, made["id"]) == ("Winter", "winter", False)
    assert found(finish(shop_id)) == {}


def test_a_change_of_a_collection_that_was_lost_is_brought(store, shop_id, soon):
    made = store.create_collection("winter", "Winter")
    deliver(shop_id, store.deliveries())
    soon()
    store.update_collection("winter", title="Warm")

    assert found(finish(shop_id)) == {("collections", "stale"): 1}

    assert collection(shop_id, made["id"]) == ("Warm", "winter", False)
    assert found(finish(shop_id)) == {}


def test_a_collection_of_which_the_end_was_lost_is_gone(store, shop_id):
    made = store.create_collection("winter", "Winter")
    deliver(shop_id, store.deliveries())
    store.delete_collection("winter")

    assert found(finish(shop_id)) == {("collection_deletions", "stale"): 1}

    assert collection(shop_id, made["id"])[2]
    assert found(finish(shop_id)) == {}


def test_stock_that_moved_and_was_lost_is_brought_place_by_place(store, shop_id, soon):
    size = store.product("cloud-cream")["variants"][0]
    warehouse, counter = (place["id"] for place in store.locations())
    store.count_stock(size["id"], 40, place="Warehouse")
    deliver(shop_id, store.deliveries())
    soon()
    store.count_stock(size["id"], 33, place="Warehouse")
    store.count_stock(size["id"], 7)
    deliver(shop_id, without(store, "inventory_levels/"))

    rows = finish(shop_id)

    assert found(rows) == {("stock", "missing"): 1, ("stock", "stale"): 1}
    assert stock(shop_id, size) == {warehouse: 33, counter: 7}
    assert found(finish(shop_id)) == {}

    soon()
    store.leave_counter(size["id"])
    deliver(shop_id, without(store, "inventory_levels/"))
    assert found(finish(shop_id)) == {("stock", "stale"): 1}
    assert stock(shop_id, size) == {warehouse: 33, counter: None}
    assert found(finish(shop_id)) == {}


def test_stock_of_many_items_at_several_places_is_read_to_the_end(store, shop_id, monkeypatch):
    text = graphql.text_of("stock_changed").replace("first: 200", "first: 3")
    monkeypatch.setattr(
        graphql, "text_of", lambda name: text if name == "stock_changed" else real(name)
    )
    sizes = [product["variants"][0] for product in store.products()][:8]
    for size in sizes:
        store.count_stock(size["id"], 40, place="Warehouse")
        store.count_stock(size["id"], 7)

    rows = finish(shop_id)

    assert rows["stock"].compared == rows["stock"].missing == 16
    assert all(list(stock(shop_id, size).values()) == [40, 7] for size in sizes)


def test_a_refund_that_was_lost_is_brought_with_what_went_back(store, shop_id, market):
    order = market.sale("maya@example.com")
    store.refund_order(order["id"])
    deliver(shop_id, without(store, "refunds/create"))

    assert found(finish(shop_id)) == {("refunds", "missing"): 1}

    (refund,) = happened(shop_id, "Refunded Order")
    assert refund.value == store.order(order["id"])["refunds"][0]["cents"] > 0
    assert (refund.currency, refund.properties["order_id"]) == ("USD", order["id"])
    assert found(finish(shop_id)) == {}


def test_what_is_told_of_a_refund_and_what_is_read_of_it_is_one_event(store, shop_id, market):
    order = market.sale("maya@example.com")
    goods = {each["variant_id"]: 1 for each in order["lines"]}
    store.refund_order(order["id"], goods)
    store.refund_order(order["id"], {}, shipping=True)
    deliver(shop_id, store.deliveries())
    told = happened(shop_id, "Refunded Order")
    assert len(told) == 2

    assert found(finish(shop_id)) == {}
    forget(shop_id, "Refunded Order")
    assert found(finish(shop_id)) == {("refunds", "missing"): 2}

    read = happened(shop_id, "Refunded Order")
    assert [facts_of(each) for each in read] == [facts_of(each) for each in told]


def test_a_refund_in_test_mode_says_nothing(store, shop_id, market):
    order = market.sale("maya@example.com", test=True)
    store.refund_order(order["id"])
    sent = store.fulfil_order(market.sale("maya@example.com", test=True)["id"], numbers=("A",))
    store.return_goods(sent["id"])

    rows = finish(shop_id)

    assert {noun for noun, row in rows.items() if row.compared} <= {
        "customers",
        "products",
        "stock",
    }
    assert happened(shop_id, "Refunded Order") == []


def test_what_happened_before_the_install_is_learned_and_no_webhook_is_missed(
    store, shopify, market
):
    sold = [market.sale(f"buyer{number}@example.com")["id"] for number in range(3)]
    for order in sold:
        store.refund_order(order, {}, shipping=True)
        sent = store.fulfil_order(order, numbers=("A",))["fulfillments"][0]["id"]
    shop_id = installed(market, shopify)
    with db.transaction() as session:
        get_shop(session, shop_id).installed_at = store.now() + timedelta(seconds=30)
    began = store.now()
    store.now = lambda: began + timedelta(minutes=1)
    store.report_parcel(order, sent, "delivered")

    rows = finish(shop_id)

    assert found(rows).keys().isdisjoint({("refunds", "missing"), ("fulfilments", "missing")})
    assert found(rows)["fulfilments", "partial"] == 1, "the parcel that came since"
    topics = {"refunds/create", "fulfillments/create"}
    assert topics.isdisjoint(rows["refunds"].inactive_topics + rows["fulfilments"].inactive_topics)
    assert len(happened(shop_id, "Refunded Order")) == len(sold)
    assert len(happened(shop_id, "Confirmed Shipment")) == len(sold)
    assert found(finish(shop_id)) == {}


@pytest.mark.parametrize(
    ("topics", "metrics"),
    [
        ([], ["Requested Return"]),
        (["returns/approve"], ["Approved Return", "Requested Return"]),
        (["returns/decline"], ["Declined Return", "Requested Return"]),
        (
            ["returns/approve", "returns/cancel"],
            ["Approved Return", "Cancelled Return", "Requested Return"],
        ),
        (
            ["returns/approve", "returns/close"],
            ["Approved Return", "Closed Return", "Requested Return"],
        ),
    ],
)
def test_a_return_of_which_all_was_lost_is_brought_up_to_its_state(
    store, shop_id, market, soon, topics, metrics
):
    order = market.sale("maya@example.com")["id"]
    asked = store.request_return(order)
    soon()
    for topic in topics:
        store.move_return(order, asked, topic)
    deliver(shop_id, without(store, "returns/"))

    assert found(finish(shop_id)) == {("returns", "missing"): 1}

    assert sorted(each.metric for each in happened(shop_id, "Return")) == metrics
    assert {each.properties["return_id"] for each in happened(shop_id, "Return")} == {asked}
    assert found(finish(shop_id)) == {}


def test_the_end_of_a_return_that_was_lost_is_brought(store, shop_id, market):
    store.return_goods(market.sale("maya@example.com")["id"])
    deliver(shop_id, without(store, "returns/close"))

    assert found(finish(shop_id)) == {("returns", "partial"): 1}

    told = {each.metric for each in happened(shop_id, "Return")}
    assert told == {"Approved Return", "Closed Return"}
    assert found(finish(shop_id)) == {}


def test_returns_are_left_out_where_the_store_does_not_grant_them(store, shop_id, market):
    with db.transaction() as session:
        get_shop(session, shop_id).scopes = ",".join(set(store.granted) - {"read_returns"})
    store.grant([scope for scope in store.granted if scope != "read_returns"])
    store.return_goods(market.sale("maya@example.com")["id"])
    deliver(shop_id, without(store, "returns/", "refunds/create"))

    rows = compare(shop_id)

    assert found(rows) == {("refunds", "missing"): 1}
    assert [noun for noun, row in rows.items() if row.error] == ["returns"]


def test_a_shipment_that_was_lost_is_brought_with_its_parcels_and_goods(store, shop_id, market):
    order = market.sale("maya@example.com")
    sent = store.fulfil_order(order["id"], numbers=("A", "B"))["fulfillments"][0]["id"]
    store.report_parcel(order["id"], sent, "out_for_delivery")
    store.report_parcel(order["id"], sent, "delivered")
    deliver(shop_id, without(store, "fulfillments/", "fulfillment_events/"))

    assert found(finish(shop_id)) == {("fulfilments", "missing"): 1}

    (shipment,) = happened(shop_id, "Confirmed Shipment")
    assert shipment.properties["tracking_numbers"] == ["A", "B"]
    assert shipment.properties["tracking_url"] == "https://parcels.example/A"
    (line,) = order["lines"]
    assert shipment.properties["lines"] == [{"title": line["title"], "quantity": line["quantity"]}]
    for metric in ("Marked Out for Delivery", "Delivered Shipment"):
        assert [each.unique_id for each in happened(shop_id, metric)] == [str(sent)]
    assert found(finish(shop_id)) == {}


def test_numbers_of_parcels_that_were_lost_are_brought(store, shop_id, market, soon):
    order = market.sale("maya@example.com")["id"]
    sent = store.fulfil_order(order, numbers=("A",))["fulfillments"][0]["id"]
    soon()
    store.track_parcel(order, sent, "B")
    deliver(shop_id, without(store, "fulfillments/update"))

    assert found(finish(shop_id)) == {("fulfilments", "stale"): 1}

    (shipment,) = happened(shop_id, "Confirmed Shipment")
    assert shipment.properties["tracking_numbers"] == ["A", "B"]
    assert found(finish(shop_id)) == {}


def test_where_a_parcel_is_that_was_lost_is_brought(store, shop_id, market):
    order = market.sale("maya@example.com")["id"]
    sent = store.fulfil_order(order, numbers=("A",))["fulfillments"][0]["id"]
    store.report_parcel(order, sent, "delivered")
    deliver(shop_id, without(store, "fulfillment_events/"))

    assert found(finish(shop_id)) == {("fulfilments", "partial"): 1}

    assert len(happened(shop_id, "Delivered Shipment")) == 1
    assert found(finish(shop_id)) == {}


def test_of_a_parcel_that_was_seen_often_the_last_places_are_read(store, shop_id, market):
    order = market.sale("maya@example.com")["id"]
    sent = store.fulfil_order(order, numbers=("A",))["fulfillments"][0]["id"]
    for _ in range(30):
        store.report_parcel(order, sent, "in_transit")
    store.report_parcel(order, sent, "delivered")
    deliver(shop_id, without(store, "fulfillment_events/"))

    assert found(finish(shop_id)) == {("fulfilments", "partial"): 1}

    assert len(happened(shop_id, "Delivered Shipment")) == 1


def test_of_several_tries_to_deliver_the_first_counts_in_any_order(store, shop_id, market):
    order = market.sale("maya@example.com")["id"]
    sent = store.fulfil_order(order, numbers=("A",))["fulfillments"][0]["id"]
    began = store.now()
    for day in range(2):
        store.now = lambda day=day: began + timedelta(days=day)
        store.report_parcel(order, sent, "out_for_delivery")
    told = store.deliveries()
    first, second = (each for each in told if each.topic == "fulfillment_events/create")
    deliver(shop_id, [each for each in told if each not in (first, second)])

    deliver(shop_id, [second])
    deliver(shop_id, [first])

    (tried,) = happened(shop_id, "Marked Out for Delivery")
    assert tried.occurred_at == began.replace(microsecond=0)


def test_a_sale_at_the_till_without_a_buyer_lacks_nothing(store, shop_id, market):
    sold = market.sale("maya@example.com")
    store.refund_order(sold["id"])
    at_the_till = {"customer_id": 0, "email": None, "phone": None, "address": None}
    tokens = {"cart_token": None, "checkout_token": None}
    with store.transaction() as rows:
        body = dumps(store.order(sold["id"]) | at_the_till | tokens)
        rows.execute("update orders set customer_id = 0, body = ? where id = ?", (body, sold["id"]))

    first = finish(shop_id)

    assert found(first)["orders", "missing"] == 1
    again = finish(shop_id)
    assert found(again) == {}
    assert {row.unresolved for row in (*first.values(), *again.values())} == {0}
    assert happened(shop_id, "") == []


def test_a_subscription_that_was_lost_is_brought_with_its_buyer(store, shop_id):
    made = store.start_subscription("maya@example.com", interval="week", every=2)
    paid = store.bill_subscription(made["id"], "success")
    failed = store.bill_subscription(made["id"], "failure", "EXPIRED_CARD")
    deliver(shop_id, without(store, "subscription_"))

    assert found(finish(shop_id)) == {("subscriptions", "missing"): 1}

    assert contract(shop_id, made) == ("active", "week", 2)
    told = {each.metric: each for each in happened(shop_id, "Subscription")}
    assert told["Subscription Order Paid"].unique_id == str(paid)
    assert told["Subscription Payment Failed"].unique_id == str(failed)
    assert told["Subscription Payment Failed"].properties["error_code"] == "EXPIRED_CARD"
    (person,) = facts(shop_id)["people"]
    assert "maya@example.com" in person
    assert found(finish(shop_id)) == {}


@pytest.mark.parametrize(
    ("topic", "status", "metric"),
    [
        ("subscription_contracts/pause", "paused", "Paused Subscription"),
        ("subscription_contracts/cancel", "cancelled", "Cancelled Subscription"),
        ("subscription_contracts/expire", "expired", "Expired Subscription"),
        ("subscription_contracts/fail", "failed", "Failed Subscription"),
    ],
)
def test_what_became_of_a_subscription_and_was_lost_is_brought(
    store, shop_id, soon, topic, status, metric
):
    made = store.start_subscription("maya@example.com")
    deliver(shop_id, store.deliveries())
    soon()
    store.move_subscription(made["id"], topic)

    assert found(finish(shop_id)) == {("subscriptions", "stale"): 1}

    assert contract(shop_id, made)[0] == status
    assert len(happened(shop_id, metric)) == 1
    deliver(shop_id, store.deliveries())  # late after all
    assert len(happened(shop_id, metric)) == 1
    assert found(finish(shop_id)) == {}


def test_a_subscription_that_changes_or_goes_on_is_brought_without_an_event(store, shop_id, soon):
    made = store.start_subscription("maya@example.com")
    store.move_subscription(made["id"], "subscription_contracts/pause")
    deliver(shop_id, store.deliveries())
    soon()
    store.move_subscription(made["id"], "subscription_contracts/activate")
    store.change_subscription(made["id"], every=3)

    assert found(finish(shop_id)) == {("subscriptions", "stale"): 1}

    assert contract(shop_id, made) == ("active", "month", 3)
    told = [each.metric for each in happened(shop_id, "Subscription")]
    assert sorted(told) == ["Paused Subscription", "Started Subscription"]
    assert found(finish(shop_id)) == {}


def test_an_attempt_to_be_paid_that_was_lost_is_brought(store, shop_id):
    made = store.start_subscription("maya@example.com")
    store.bill_subscription(made["id"], "challenged")
    deliver(shop_id, without(store, "subscription_billing_attempts/"))

    assert found(finish(shop_id)) == {("subscriptions", "partial"): 1}

    assert len(happened(shop_id, "Subscription Payment Challenged")) == 1
    assert found(finish(shop_id)) == {}


def test_what_the_store_does_not_allow_is_left_out_and_said_until_it_does(store, shop_id):
    with db.transaction() as session:
        get_shop(session, shop_id).scopes = ",".join(set(store.granted) - {"read_products"})
    store.grant([scope for scope in store.granted if scope != "read_products"])
    store.create_collection("winter", "Winter")
    store.register_customer("maya@example.com")

    rows = compare(shop_id)

    assert found(rows) == {("customers", "missing"): 1}
    left_out = {noun for noun, row in rows.items() if row.error}
    goods = {"products", "collections", "stock", "deletions", "collection_deletions"}
    assert left_out == goods | {"orders", "checkouts"}  # which name products
    assert rows["collections"].error == "the store has not granted read_products"
    assert rows["collections"].due_at > clock.now()
    lines = list(cli_reconcile.repair_differences(the_shop(shop_id)))
    assert f"{'collections':20} not compared: {rows['collections'].error}" in lines

    with db.transaction() as session:
        get_shop(session, shop_id).scopes += ",read_products"
    store.grant([*store.granted, "read_products"])
    assert found(finish(shop_id))["collections", "missing"] == 1


def collection(shop_id: int, collection_id: int) -> tuple[str, str, bool]:
    with db.reading() as session:
        kept = collections.collections_by_id(session, shop_id, [collection_id])[collection_id]
    return kept.title, kept.handle, kept.deleted


def contract(shop_id: int, made: dict) -> tuple[str, str, int]:
    with db.reading() as session:
        (row,) = subscription_contracts.contracts_by_id(session, shop_id, [made["id"]]).values()
    return row.status, row.interval, row.interval_count


def stock(shop_id: int, size: dict) -> dict[int, int | None]:
    with db.reading() as session:
        rows = inventory.levels_of(session, shop_id, [size["id"] + 11])
    return {place: row.available for (_, place), row in sorted(rows.items())}


def without(store, *topics: str):
    return [each for each in store.deliveries() if not each.topic.startswith(topics)]


def happened(shop_id: int, words: str) -> list[Event]:
    with db.reading() as session:
        mine = (Event.shop_id == shop_id, col(Event.metric).contains(words))
        return list(session.exec(select(Event).where(*mine).order_by(col(Event.unique_id))))


def facts_of(event: Event) -> dict:
    return event.model_dump(exclude={"id"})


def forget(shop_id: int, metric: str) -> None:
    with db.transaction() as session:
        mine = (col(Event.shop_id) == shop_id, col(Event.metric) == metric)
        people = set(session.exec(select(Event.profile_id).where(*mine)))
        session.connection().execute(delete(Event).where(*mine))
        events.recount_activity(session, shop_id, people)
