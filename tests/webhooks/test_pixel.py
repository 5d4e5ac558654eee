"""The pixel: a browser's word is a hint; it never names a person, and nonsense leaves nothing."""

import json
from datetime import UTC, datetime

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin.facts import IdentityKey, ProfileFact
from plugin.profiles.identity import resolve_profiles
from storage import events, profiles
from storage.engine import db
from webhooks.app import routes

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def client(shop):
    with TestClient(Starlette(routes=routes())) as client:
        yield client


def seen(**changes):
    event = {
        "id": "e-1",
        "name": "product_viewed",
        "timestamp": datetime.now(UTC).isoformat(),
        "client_id": "b-1",
        "marketing": True,
        "url": "http://127.0.0.1:8001/products/serum",
        "data": {"product_id": "5", "title": "Serum", "price": 19.99, "email": "x@example.com"},
    }
    return {"shop": "dewpoint.myshopify.com", "events": [{**event, **changes}]}


def timeline(shop):
    with db.reading() as session:
        return events.latest_events(session, shop.id)


def test_what_a_browser_looked_at_is_on_its_timeline_once(client, shop):
    for _ in range(2):
        assert client.post("/pixel", json=seen()).status_code == 204

    (event,) = timeline(shop)
    assert (event.metric, event.properties["title"]) == ("Viewed Product", "Serum")
    assert "email" not in event.properties
    with db.reading() as session:
        assert profiles.find_identities(session, shop.id, [("browser_id", "b-1")])


SERUM = {
    "product_id": "5", "variant_id": "51", "title": "Serum", "variant_title": "30 ml",
    "sku": "SE-30", "vendor": "Dewpoint", "product_type": "Serum", "url": "/de/products/serum",
    "image": "//cdn.shopify.com/s/serum.jpg", "price": 19.99, "currency": "EUR", "quantity": 1,
}  # fmt: skip
HOME = "http://127.0.0.1:8001"


def test_a_viewed_product_tells_what_klaviyos_metric_does(client, shop):
    client.post("/pixel", json=seen(data=SERUM))

    (event,) = timeline(shop)
    page = {"url": "http://127.0.0.1:8001/products/serum", "browser_id": "b-1"}
    assert event.properties == page | {
        "product_id": 5, "variant_id": 51, "title": "Serum", "variant_title": "30 ml",
        "sku": "SE-30", "vendor": "Dewpoint", "categories": ["Serum"], "price": 19.99,
        "currency": "EUR", "quantity": 1, "image": "https://cdn.shopify.com/s/serum.jpg",
    }  # fmt: skip


def test_a_viewed_cart_tells_its_worth_its_currency_and_how_many_items(client, shop):
    cart = {
        "total": 59.97, "currency": "EUR", "item_count": 3, "cart_token": "c-1",
        "items": [SERUM | {"quantity": 2}, {"title": "Balm", "price": 19.99, "quantity": 1}, 7],
    }  # fmt: skip
    client.post("/pixel", json=seen(name="cart_viewed", data=cart))

    (event,) = timeline(shop)
    assert (event.metric, event.value, event.currency) == ("Viewed Cart", 5997, "EUR")
    assert event.properties["item_count"] == 3
    serum, balm = event.properties["lines"]
    assert serum == {
        "title": "Serum", "variant_title": "30 ml", "sku": "SE-30", "vendor": "Dewpoint",
        "quantity": 2, "price": 1999, "product_id": 5, "variant_id": 51, "categories": ["Serum"],
        "url": f"{HOME}/de/products/serum", "image": "https://cdn.shopify.com/s/serum.jpg",
    }  # fmt: skip
    assert (balm["title"], balm["price"], balm["product_id"]) == ("Balm", 1999, None)


@pytest.mark.parametrize(
    "said",
    [
        {"total": "lots", "currency": "EUR"},
        {"total": 5, "currency": "euro"},
        {"total": -5, "currency": "EUR"},
        {"total": 5},
        {"total": 2**60, "currency": "EUR", "items": {"a": 1}, "item_count": True},
    ],
)
def test_a_cart_that_tells_no_amount_is_viewed_all_the_same(client, shop, said):
    client.post("/pixel", json=seen(name="cart_viewed", data=said))

    (event,) = timeline(shop)
    assert (event.metric, event.value, event.currency) == ("Viewed Cart", None, None)
    assert event.properties["item_count"] == 0


def test_what_is_taken_out_of_a_cart_tells_its_product_and_what_it_was_worth(client, shop):
    client.post("/pixel", json=seen(name="product_removed_from_cart", data=SERUM | {"total": 40}))

    (event,) = timeline(shop)
    assert (event.metric, event.value, event.currency) == ("Removed from Cart", 4000, "EUR")
    assert event.properties["url"] == f"{HOME}/de/products/serum"


@pytest.mark.parametrize("address", ["https://evil.example/x", "//evil.example/x", "javascript:1"])
def test_s15_a_forged_event_leads_to_no_other_site(client, shop, address):
    said = SERUM | {"url": address, "image": address, "total": 1}
    client.post("/pixel", json=seen(name="product_removed_from_cart", data=said))

    (event,) = timeline(shop)
    assert "image" not in event.properties
    assert "evil" not in str(event.properties)
    assert "javascript" not in str(event.properties)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"shop": 1, "events": 2}',
        b'{"shop": "dewpoint.myshopify.com", "events": [1, null, {}, {"name": []}]}',
    ],
)
def test_nonsense_is_204_and_leaves_nothing(client, shop, body):
    assert client.post("/pixel", content=body).status_code == 204
    assert timeline(shop) == []


@pytest.mark.parametrize(
    "changes",
    [{"name": "alert_displayed"}, {"client_id": None}, {"id": "x" * 500}, {"timestamp": "now"}],
)
def test_an_event_that_makes_no_sense_leaves_nothing(client, shop, changes):
    client.post("/pixel", json=seen(**changes))

    assert timeline(shop) == []


def test_another_shop_is_ignored(client, shop):
    client.post("/pixel", json={**seen(), "shop": "stranger.myshopify.com"})

    assert timeline(shop) == []


def test_a_clock_that_is_wrong_is_put_right(client, shop):
    client.post("/pixel", json=seen(timestamp="2099-01-01T00:00:00Z"))

    (event,) = timeline(shop)
    assert event.occurred_at.year < 2099


def know(shop, *keys):
    with db.transaction() as session:
        (whose,) = resolve_profiles(session, shop.id, [ProfileFact(keys, NOW)], NOW)
    return whose.profile_id


def holders(shop, *keys):
    with db.reading() as session:
        found = profiles.find_identities(session, shop.id, keys)
    return [found.get(tuple(key)) for key in keys]


ADA, BO = IdentityKey("email", "ada@example.com"), IdentityKey("email", "bo@example.com")
BROWSER, CART = IdentityKey("browser_id", "b-1"), IdentityKey("cart_token", "c-1")


def test_s15_a_forged_event_merges_no_two_known_shoppers(client, shop):
    ada, bo = know(shop, ADA, BROWSER), know(shop, BO, CART)

    assert client.post("/pixel", json=seen(data={"cart_token": "c-1"})).status_code == 204
    body = seen(client_id="b-2", id="e-2", data={"cart_token": "c-1"})
    body["events"] += seen(client_id="b-2", id="e-3", data={"cart_token": "c-9"})["events"]
    body["events"] += seen(id="e-4", data={"cart_token": "c-9"})["events"]
    assert client.post("/pixel", json=body).status_code == 204

    assert holders(shop, ADA, BROWSER, BO, CART) == [ada, ada, bo, bo]
    assert holders(shop, IdentityKey("browser_id", "b-2"), IdentityKey("cart_token", "c-9")) == [
        bo,
        bo,
    ]
    assert len(timeline(shop)) == 4


def test_a_browsers_cart_leads_to_the_shopper_who_fills_it(client, shop):
    bo = know(shop, BO, CART)
    client.post("/pixel", json=seen())
    client.post("/pixel", json=seen(id="e-2", data={"cart_token": "c-1"}))

    assert holders(shop, BROWSER) == [bo]


@pytest.mark.parametrize(
    "odd",
    [
        b'"url": "https://\\u0000.example"',
        b'"url": "https://\\ud800.example"',
        b'"client_id": "\\u0000"',
        b'"client_id": "\\ud800"',
        b'"data": {"price": NaN}',
        b'"data": {"price": -Infinity}',
        b'"data": {"title": "\\u0000\\udfff", "product_id": ' + b"9" * 400 + b"}",
    ],
)
def test_s29_no_word_of_a_browsers_breaks_us(database, client, shop, odd):
    body = (
        b'{"shop": "dewpoint.myshopify.com", "events": [{"id": "e-1", "name": "page_viewed",'
        b' "timestamp": "2026-11-21T12:00:00Z", "client_id": "b-1", "marketing": true, '
        + odd
        + b"}]}"
    )
    assert client.post("/pixel", content=body).status_code == 204


def test_pixel_events_of_webhook_metrics_only_link_cart_and_checkout(client, shop):
    data = {"cart_token": "c-1", "checkout_token": "t-1", "total": 4200}
    for name in ("product_added_to_cart", "checkout_started", "checkout_completed"):
        client.post("/pixel", json=seen(name=name, data=data))

    assert timeline(shop) == []
    (found,) = set(holders(shop, BROWSER, CART, IdentityKey("checkout_token", "t-1")))
    assert found is not None


def test_who_allows_analytics_alone_is_counted_and_never_becomes_anybody(client, shop):
    ada = know(shop, ADA, BROWSER)
    said = {"cart_token": "c-1", "checkout_token": "t-1"}
    for word in (False, None, "true"):
        client.post("/pixel", json=seen(id=f"e-{word}", marketing=word, data=said))

    assert holders(shop, BROWSER, CART) == [ada, None]
    assert {event.metric for event in timeline(shop)} == {"Viewed Product"}
    assert ada not in {event.profile_id for event in timeline(shop)}


def test_a_page_cannot_claim_an_anonymous_browser(client, shop):
    client.post("/pixel", json=seen(marketing=False))
    (apart,) = {event.properties["browser_id"] for event in timeline(shop)}
    assert BROWSER.value not in apart

    client.post("/pixel", json=seen(id="e-2", client_id=apart, data={"cart_token": "c-1"}))

    assert holders(shop, CART) == [None]
    assert len(timeline(shop)) == 1


@pytest.mark.parametrize("odd", ["%00", "\ud800", "a%00b%ED%A0%80"])
def test_an_unstorable_event_costs_no_other_event(database, client, shop, odd):
    page = f"http://127.0.0.1:8001/products/serum?utm_source={odd}"
    told = seen(url=page)["events"] + seen(id="e-2", client_id="b-2")["events"]
    for domain in ("dewpoint.myshopify.com", f"dewpoint{odd}\0", "\ud800"):
        body = json.dumps({"shop": domain, "events": told})
        assert client.post("/pixel", content=body).status_code == 204

    assert len(timeline(shop)) == 2
