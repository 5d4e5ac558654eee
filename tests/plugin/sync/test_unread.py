"""What Shopify's API tells and we cannot read is kept and shown, and the rest goes on."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import select

from plugin.cli import privacy
from plugin.ingest.digest import digest_deliveries
from plugin.shopify.api import bulk, pages
from plugin.shopify.install.installation import install
from plugin.sync import reconcile, unread
from storage import arrivals, failed_webhooks
from storage.arrivals import Arrival
from storage.engine import db
from storage.flows import Enrolment
from storage.inbox import Delivery, DeliveryState
from tests.plugin.sync import test_backfill as history
from tests.plugin.sync.comparing import DOMAIN, facts, finish, found

past, quick = history.past, history.quick


@pytest.fixture
def spoil(monkeypatch):
    """Spoil what a document's answers say, until the next call."""
    real = pages.query

    def set_spoiler(change: Callable[[str, Any], None]) -> None:
        def query(shop_id: int, document: str, variables: Any) -> Any:
            answer = real(shop_id, document, variables)
            change(document, answer)
            return answer

        monkeypatch.setattr(pages, "query", query)

    return set_spoiler


def spoil_first(document: str, connection: str, **fields: object) -> Callable[[str, Any], None]:
    def change(asked: str, answer: Any) -> None:
        if asked == document:
            answer[connection]["nodes"][0] |= fields

    return change


def kept(shop_id: int) -> list[Delivery]:
    with db.inbox_reading() as session:
        return list(failed_webhooks.quarantined(session, shop_id))


def body_of(delivery: Delivery) -> bytes:
    with db.inbox_reading() as session:
        return arrivals.get_body(session, delivery.shop_id, delivery.arrival_id)


def test_a_node_that_makes_no_sense_is_kept_and_its_neighbours_are_compared(
    store, shop_id, market, spoil
):
    orders = [market.sale(f"buyer{number}@example.com") for number in range(3)]
    spoil(spoil_first("orders_changed", "orders", createdAt=None, processedAt=None))

    rows = finish(shop_id)

    assert (rows["orders"].compared, rows["orders"].missing) == (3, 2)
    assert rows["orders"].unresolved == 1
    (row,) = kept(shop_id)
    assert (row.topic, row.webhook_id) == ("admin_api/orders", f"orders-Order-{orders[0]['id']}")
    assert row.error == "created_at is not a time with an offset"
    assert json.loads(body_of(row))["node"]["email"] == "buyer0@example.com"


def test_it_is_kept_once_and_goes_when_it_can_be_read(store, shop_id, market, spoil):
    market.sale("maya@example.com")
    spoil(spoil_first("orders_changed", "orders", createdAt=None, processedAt=None))
    finish(shop_id)
    once = [row.model_dump() for row in kept(shop_id)]

    finish(shop_id)
    assert [row.model_dump() for row in kept(shop_id)] == once

    spoil(lambda document, answer: None)
    assert found(finish(shop_id)) == {("orders", "missing"): 1}
    assert kept(shop_id) == []


def test_what_is_tried_again_is_recorded_as_if_it_had_been_read(store, shop_id, market, spoil):
    real = unread.nodes.facts_of
    order = market.sale("maya@example.com")
    with pytest.MonkeyPatch.context() as then:
        then.setattr(unread.nodes, "facts_of", _fails_for(real, "orders"))
        finish(shop_id)
    (row,) = kept(shop_id)
    assert str(order["order_number"]) not in json.dumps(facts(shop_id)["orders"])

    with db.inbox_transaction() as session:
        failed_webhooks.offer_again(session, shop_id, row.webhook_id)
    digest_deliveries()

    assert kept(shop_id) == []
    assert str(order["order_number"]) in json.dumps(facts(shop_id)["orders"])
    assert found(finish(shop_id)) == {}


def test_what_makes_no_sense_still_goes_back_into_quarantine(store, shop_id, market, spoil):
    market.sale("maya@example.com")
    spoil(spoil_first("orders_changed", "orders", createdAt=None, processedAt=None))
    finish(shop_id)
    (row,) = kept(shop_id)

    with db.inbox_transaction() as session:
        failed_webhooks.offer_again(session, shop_id, row.webhook_id)
    digest_deliveries()

    assert [(each.state, each.error) for each in kept(shop_id)] == [
        (DeliveryState.QUARANTINED, "created_at is not a time with an offset")
    ]


@pytest.mark.parametrize(
    ("document", "connection", "fields", "noun"),
    [
        ("customers_changed", "customers", {"defaultEmailAddress": "maya"}, "customers"),
        ("products_changed", "products", {"variants": None}, "products"),
        ("orders_changed", "orders", {"lineItems": {}}, "orders"),
        ("refunds_changed", "orders", {"refunds": [{"id": "gid://shopify/Refund/9"}]}, "refunds"),
        ("refunds_changed", "orders", {"refunds": None}, "refunds"),
        ("returns_changed", "orders", {"returns": {"nodes": [{"status": "LOST"}]}}, "returns"),
        ("fulfillments_changed", "orders", {"fulfillments": [{}]}, "fulfilments"),
        ("collections_changed", "collections", {"updatedAt": "soon"}, "collections"),
        ("subscriptions_changed", "subscriptionContracts", {"customer": 7}, "subscriptions"),
        ("abandoned_checkouts", "abandonedCheckouts", {"createdAt": None}, "checkouts"),
    ],
)
def test_whatever_a_node_lacks_no_noun_stands_still(
    store, shop_id, market, spoil, document, connection, fields, noun
):
    store.start_checkout(market.cart(), "left@example.com")
    market.sale("maya@example.com")
    store.start_subscription("maya@example.com")
    store.create_collection("winter", "Winter")
    spoil(spoil_first(document, connection, **fields))

    rows = finish(shop_id)

    assert rows[noun].unresolved == 1
    assert [row.topic for row in kept(shop_id)] == [f"admin_api/{noun}"]


def test_a_record_that_cannot_be_repaired_is_kept_too(store, shop_id, market, monkeypatch):
    for number in range(3):
        market.sale(f"buyer{number}@example.com")
    real = reconcile.repair_records

    def picky(session, shop, noun, reported):
        if noun == "orders" and any("buyer1" in str(told) for told in reported.values()):
            raise ValueError("buyer1@example.com")
        return real(session, shop, noun, reported)

    monkeypatch.setattr(reconcile, "repair_records", picky)

    rows = finish(shop_id)

    assert (rows["orders"].missing, rows["orders"].unresolved) == (2, 1)
    (row,) = kept(shop_id)
    assert row.error == "the record is not as promised: ValueError"


def test_no_more_is_kept_than_there_is_room_for(store, shop_id, market, monkeypatch):
    monkeypatch.setattr(unread, "MAX_KEPT", 2)
    for number in range(4):
        market.store.register_customer(f"maya{number}@example.com")
    with pytest.MonkeyPatch.context() as then:
        then.setattr(unread.nodes, "facts_of", _fails_for(unread.nodes.facts_of, "customers"))
        rows = finish(shop_id)

    assert rows["customers"].unresolved == 4
    assert len(kept(shop_id)) == 2


def test_who_is_forgotten_is_forgotten_here_too(store, shop_id, market, spoil):
    buyer = market.sale("maya@example.com")["customer_id"]
    spoil(spoil_first("orders_changed", "orders", createdAt=None, processedAt=None))
    finish(shop_id)
    assert kept(shop_id)

    privacy.redact_customer(DOMAIN, "maya@example.com", "", str(buyer))

    assert kept(shop_id) == []
    with db.inbox_reading() as session:
        assert not [
            row
            for row in session.exec(select(Arrival).where(Arrival.shop_id == shop_id))
            if b"maya" in row.body
        ]


def test_nonsense_of_the_past_is_kept_and_sets_off_nothing(sqlite, past, monkeypatch, broker):
    shop_id = install(DOMAIN, past.id_token())
    real = bulk.read_lines
    seen = set()

    def spoilt(url, offset):
        for line, at in real(url, offset):
            root = json.loads(line)
            kind = root["id"].split("/")[3]
            if kind not in seen and "__parentId" not in root:
                seen.add(kind)
                line = b"{nonsense" if kind == "Order" else line.replace(b'"updatedAt"', b'"x"')
            yield line, at

    monkeypatch.setattr(bulk, "read_lines", spoilt)

    stages = history.read_all(shop_id)

    skipped = {stage: row.skipped for stage, row in stages.items() if row.skipped}
    topics = sorted(row.topic for row in kept(shop_id))
    assert {"customers", "products", "collections"} <= skipped.keys()
    assert {f"admin_api/{noun}" for noun in ("customers", "products", "orders")} <= set(topics)
    monkeypatch.undo()
    with db.inbox_transaction() as session:
        for row in failed_webhooks.quarantined(session, shop_id):
            failed_webhooks.offer_again(session, shop_id, row.webhook_id)
    digest_deliveries()
    with db.reading() as session:
        assert session.exec(select(Enrolment).where(Enrolment.shop_id == shop_id)).all() == []


def _fails_for(real: Callable[..., Any], noun: str) -> Callable[..., Any]:
    def facts_of(shop_id: int, of: str, *given: Any, **named: Any) -> Any:
        if of == noun:
            raise KeyError("a field")
        return real(shop_id, of, *given, **named)

    return facts_of
