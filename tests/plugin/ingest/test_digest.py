"""The digest: what is understood is applied once; the rest lies in quarantine with the reason."""

import json
import random
import sqlite3
import string
from datetime import UTC, datetime

import pytest
from sqlalchemy import update
from sqlmodel import col

from plugin import clock
from plugin.ingest import digest
from plugin.ingest.digest import MAX_ATTEMPTS, digest_deliveries
from storage import (
    arrivals,
    consent,
    events,
    failed_webhooks,
    inbox,
    orders,
    products,
    profiles,
    shops,
)
from storage.arrivals import NewDelivery
from storage.engine import db, faults
from storage.inbox import Delivery
from storage.shops import Shop

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CUSTOMER = {
    "id": 7,
    "email": "Maya@Example.com",
    "phone": None,
    "first_name": "Maya",
    "updated_at": "2026-11-21T07:00:00-05:00",
}


def keep(shop, topic: str, body: object, webhook_id: str = "w-1") -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    arrival = NewDelivery(shop.id, webhook_id, topic, "2026-10", NOW.isoformat(), NOW, raw)
    arrivals.add_deliveries([arrival])


def quarantine(shop) -> list[tuple[str, str]]:
    with db.inbox_reading() as session:
        return [(d.webhook_id, d.error) for d in failed_webhooks.quarantined(session, shop.id)]


def profile(shop, email: str = "maya@example.com"):
    with db.reading() as session:
        found = profiles.find_identities(session, shop.id, [("email", email)])
        key = found.get(("email", email))
        return key and profiles.get_profile(session, shop.id, key)


def test_a_customer_becomes_a_profile(database, shop):
    keep(shop, "customers/create", CUSTOMER)

    assert digest_deliveries() == 1
    assert profile(shop).first_name == "Maya"
    assert digest_deliveries() == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe{\x00", "not JSON"),
        (b'{"id": 1', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"id": "seven"}', "id is not a number"),
        (b'{"id": 7, "updated_at": "yesterday"}', "updated_at is not a time"),
        (b'{"id": 7, "updated_at": "2026-11-21T07:00:00"}', "updated_at is not a time"),
        (b'{"id": 1e400, "updated_at": null}', "a number that is none"),
        (b'{"id": NaN, "updated_at": null}', "a number that is none"),
        (b'{"id": 9223372036854775808, "updated_at": null}', "id is a number of more than 64 bits"),
        (b'{"id": 7, "updated_at": "0001-01-01T00:00:00+14:00"}', "updated_at is not between"),
        (b'{"id": 7, "updated_at": "9999-12-31T23:59:59-12:00"}', "updated_at is not between"),
        (
            b'{"id": 7, "created_at": "2026-11-21T07:00:00Z", "total_price": "1e999999999",'
            b' "updated_at": "2026-11-21T07:00:00Z"}',
            "total_price is not an amount",
        ),
    ],
)
def test_a_malformed_delivery_is_quarantined_alone_with_its_reason(shop, body, reason):
    topic = "orders/create" if b"total_price" in body else "customers/create"
    keep(shop, topic, body, "bad")
    keep(shop, "customers/create", CUSTOMER, "good")

    digest_deliveries()

    ((webhook_id, error),) = quarantine(shop)
    assert webhook_id == "bad"
    assert reason in error
    assert profile(shop) is not None


LONG = "".join(random.Random(7).choices(string.ascii_letters, k=9_000))  # no index can pack it
WHEN = "2026-11-21T12:00:00Z"
CHECKOUT = {"token": LONG, "created_at": WHEN, "updated_at": WHEN, "total_price": "1"}
ORDER = {"id": 7, "created_at": WHEN, "updated_at": WHEN}
TOO_LONG = [
    ("carts/create", {"token": LONG, "updated_at": WHEN}, "cart_token"),
    ("carts/create", {"id": LONG, "updated_at": WHEN}, "cart_token"),
    ("checkouts/create", CHECKOUT, "checkout_token"),
    ("checkouts/create", {**CHECKOUT, "token": "c", "cart_token": LONG}, "cart_token"),
    ("orders/create", {**ORDER, "cart_token": LONG}, "cart_token"),
    ("orders/create", {**ORDER, "checkout_token": LONG}, "checkout_token"),
    ("orders/create", {**ORDER, "customer": {"id": LONG}}, "customer_id"),
    ("products/create", {"id": 7, "updated_at": WHEN, "handle": LONG}, "product.handle"),
]


@pytest.mark.parametrize(("topic", "body", "field"), TOO_LONG)
def test_s02_a_text_too_long_for_an_index_is_refused_at_the_door(
    database, shop, topic, body, field
):
    keep(shop, topic, body, "long")
    keep(shop, "customers/create", CUSTOMER, "ordinary")

    digest_deliveries()

    assert quarantine(shop) == [("long", f"{field} is longer than 1000 bytes")]
    assert profile(shop) is not None


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_f20_what_no_door_foresaw_is_set_aside_alone_after_its_tries(database, shop, monkeypatch):
    """PostgreSQL's index refuses it, by an error that the driver calls operational; SQLite's takes
    a text of any length.
    """
    monkeypatch.setattr(digest, "require_storable", lambda facts: None)
    keep(shop, "carts/create", {"token": LONG, "updated_at": WHEN}, "long")
    keep(shop, "customers/create", CUSTOMER, "ordinary")

    digest_deliveries()
    assert profile(shop) is not None
    for _ in range(MAX_ATTEMPTS - 1):
        assert not quarantine(shop)
        let_leases_run_out(shop)
        digest_deliveries()

    ((webhook_id, error),) = quarantine(shop)
    assert webhook_id == "long"
    assert error.startswith("tried 5 times: OperationalError")


def let_leases_run_out(shop) -> None:
    with db.inbox_transaction() as session:
        session.connection().execute(
            update(Delivery).where(col(Delivery.shop_id) == shop.id).values(lease_until=0.0)
        )


def test_o14_a_delivery_out_of_quarantine_is_digested_again(shop):
    keep(shop, "customers/create", b"nonsense")
    digest_deliveries()
    with db.inbox_transaction() as session:
        failed_webhooks.offer_again(session, shop.id, "w-1")

    assert digest_deliveries() == 1
    assert len(quarantine(shop)) == 1


def test_the_storefronts_consent_reaches_the_ledger_and_a_stop_wins_a_tie(database, shop):
    for number, state in enumerate(("unsubscribed", "subscribed")):
        said = {"state": state, "consent_updated_at": "2026-11-21T12:00:00Z"}
        keep(
            shop,
            "customers_email_marketing_consent/update",
            {
                "customer_id": 7,
                "email_address": "maya@example.com",
                "email_marketing_consent": said,
            },
            f"w-{number}",
        )
        digest_deliveries()

    with db.reading() as session:
        state = consent.consent_state(session, shop.id, "email", "maya@example.com")
        ledger = consent.ledger_of(session, shop.id, [("email", "maya@example.com")])
    assert state == "unsubscribed"
    assert len(ledger) == 2


def test_a_product_and_its_deletion(database, shop):
    product = {
        "id": 5,
        "title": "Serum",
        "handle": "serum",
        "body_html": "<p>Good</p>",
        "product_type": "Serum",
        "tags": "hydration, new",
        "status": "active",
        "updated_at": "2026-11-21T12:00:00Z",
        "image": {"src": "http://127.0.0.1/x.png"},
        "variants": [{"id": 1, "title": "30 ml", "price": "19.99", "inventory_quantity": 4}],
    }
    keep(shop, "products/create", product)
    digest_deliveries()
    with db.reading() as session:
        (found,) = products.products_to_recommend(session, shop.id, clock.now())
    assert (found.price, found.tags) == (1999, ["hydration", "new"])

    keep(shop, "products/delete", {"id": 5}, "w-2")
    keep(shop, "products/update", product, "w-3")
    digest_deliveries()
    with db.reading() as session:
        assert products.products_to_recommend(session, shop.id, clock.now()) == []


def test_an_order_of_a_guest_without_any_name_is_kept(database, shop):
    order = {
        "id": 9,
        "name": "#1009",
        "customer": None,
        "email": None,
        "created_at": "2026-11-21T12:00:00Z",
        "updated_at": "2026-11-21T12:00:00Z",
        "currency": "USD",
        "total_price": "54.00",
        "line_items": [],
    }
    keep(shop, "orders/create", order)
    digest_deliveries()

    assert quarantine(shop) == []


def test_an_uninstall_deletes_the_tokens_but_a_late_one_not_newer_ones(shop):
    keep(shop, "app/uninstalled", {"id": 1, "myshopify_domain": shop.domain})
    digest_deliveries()
    with db.transaction() as session:
        gone = shops.get_shop(session, shop.id)
        assert (gone.uninstalled_at, gone.access_token) == (NOW, None)
        gone.uninstalled_at, gone.installed_at = None, NOW.replace(hour=13)
        session.add(gone)

    keep(shop, "app/uninstalled", {"id": 1, "myshopify_domain": shop.domain}, "late")
    digest_deliveries()
    with db.reading() as session:
        assert shops.get_shop(session, shop.id).uninstalled_at is None


def test_browsing_before_a_name_is_known_joins_the_shopper_who_buys(shop):
    cart = {
        "id": "c1",
        "token": "c1",
        "created_at": "2026-11-21T11:00:00Z",
        "updated_at": "2026-11-21T11:00:00Z",
        "line_items": [
            {"title": "Serum", "quantity": 1, "price": "19.99", "variant_id": 1, "product_id": 5}
        ],
    }
    checkout = {
        "token": "k1",
        "cart_token": "c1",
        "email": "maya@example.com",
        "created_at": "2026-11-21T11:05:00Z",
        "updated_at": "2026-11-21T11:06:00Z",
        "currency": "USD",
        "total_price": "19.99",
        "abandoned_checkout_url": "http://127.0.0.1/recover",
        "line_items": cart["line_items"],
    }
    keep(shop, "carts/create", cart, "w-1")
    digest_deliveries()
    keep(shop, "checkouts/create", checkout, "w-2")
    digest_deliveries()

    with db.reading() as session:
        done = events.timeline(session, shop.id, profile(shop).id)
    assert [e.metric for e in done] == ["Checkout Started", "Added to Cart"]
    assert done[0].value == 1999
    assert done[0].properties["checkout_url"] == "http://127.0.0.1/recover"


def test_s05_a_body_that_speaks_of_another_store_is_quarantined(shop):
    keep(shop, "app/uninstalled", {"id": 1, "myshopify_domain": "another.myshopify.com"})
    digest_deliveries()

    assert len(quarantine(shop)) == 1
    with db.reading() as session:
        assert shops.get_shop(session, shop.id).uninstalled_at is None


def test_a_product_told_twice_in_one_batch_keeps_its_newest_variants(database, shop):
    for number, price in (("w-2", "25.00"), ("w-1", "19.99")):
        product = {
            "id": 5,
            "title": "Serum",
            "handle": "serum",
            "updated_at": f"2026-11-21T12:00:0{number[-1]}Z",
            "variants": [{"id": 1, "title": "30 ml", "price": price}],
        }
        keep(shop, "products/update", product, number)
    digest_deliveries()

    assert quarantine(shop) == []
    with db.reading() as session:
        (found,) = products.products_to_recommend(session, shop.id, clock.now())
    assert found.price == 2500


ORDER = {
    "id": 9,
    "name": "#1009",
    "email": "maya@example.com",
    "customer": {"id": 7, "email": "maya@example.com"},
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
    "currency": "USD",
    "total_price": "54.00",
    "line_items": [{"title": "Cloud Cream", "quantity": 2, "price": "27.00"}],
}


@pytest.mark.parametrize("deleted_first", [False, True])
def test_a_deleted_order_has_no_value_in_any_order_of_webhooks(database, shop, deleted_first):
    told = [("orders/create", ORDER), ("orders/delete", {"id": 9})]
    for number, (topic, body) in enumerate(reversed(told) if deleted_first else told):
        keep(shop, topic, body, f"w-{number}")
        digest_deliveries()

    hers = profile(shop)
    with db.reading() as session:
        (order,) = orders.orders_by_id(session, shop.id, [9]).values()
        metrics = {e.metric for e in events.timeline(session, shop.id, hers.id)}
        assert orders.order_totals(session, shop.id, NOW.replace(hour=0), NOW.replace(hour=23)) == (
            0,
            0,
        )
    assert (order.total, order.cancelled_at, order.checkout_token) == (0, NOW, None)
    assert {"Placed Order", "Deleted Order"} <= metrics


def test_an_edited_order_tells_how_much_was_added_and_taken_out(database, shop):
    lines = {"additions": [{"id": 1, "delta": 2}], "removals": [{"id": 2, "delta": 1}]}
    edit = {"id": 5, "order_id": 9, "created_at": "2026-11-21T11:00:00Z", "line_items": lines}
    keep(shop, "orders/create", ORDER)
    keep(shop, "orders/edited", {"order_edit": edit}, "w-2")
    digest_deliveries()

    with db.reading() as session:
        told = events.timeline(session, shop.id, profile(shop).id)
    (found,) = (e for e in told if e.metric == "Edited Order")
    assert found.properties == {"order_id": 9, "additions": 2, "removals": 1}


@pytest.mark.parametrize(("others", "transactions"), [(0, 1), (1, 3)])
def test_a_shop_lets_others_in_between_some_of_what_it_sent(
    shop, monkeypatch, others, transactions
):
    applied: list[int] = []
    apply = digest.apply_facts

    def count(of, facts):
        applied.append(of.id)
        apply(of, facts)

    monkeypatch.setattr(digest, "SHARED_BATCH_SIZE", 2)
    monkeypatch.setattr(digest, "apply_facts", count)
    with db.transaction() as session:
        for number in range(others):
            shops.add_shop(session, f"other-{number}.myshopify.com", NOW)
    for number in range(5):
        keep(shop, "customers/create", {**CUSTOMER, "id": number + 1}, f"w-{number}")

    digest_deliveries()

    assert applied == [shop.id] * transactions
    assert quarantine(shop) == []


def test_a_database_that_is_away_counts_against_no_shop(database, shop, monkeypatch):
    other = Shop(id=shop.id + 1, domain="linden.myshopify.com", installed_at=NOW)
    with db.transaction() as session:
        session.add(other)
    for each in (shop, other):
        keep(each, "customers/create", CUSTOMER)

    def away(*_: object) -> None:
        raise faults.passing_fault("BEGIN", sqlite3.OperationalError("database is locked"))

    monkeypatch.setattr(digest, "apply_facts", away)
    with pytest.raises(faults.PassingFaultError):
        digest_deliveries()

    for each in (shop, other):
        with db.inbox_reading() as session:
            held = inbox.get_delivery(session, each.id, "w-1")
            assert held is not None
            assert held.attempts == 0
