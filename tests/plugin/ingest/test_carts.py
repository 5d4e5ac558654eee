"""What is added to a cart: told with its product's details, as the earliest telling says."""

import itertools
from typing import Any

import pytest

from plugin.ingest.digest import apply_facts
from plugin.shopify.normalise import carts, products
from plugin.templates.product_details import with_details
from plugin.templates.product_feeds import Catalog
from storage import events
from storage.engine import db
from storage.events import Event
from storage.shops import Shop

LINE = {
    "product_id": 7, "variant_id": 71, "title": "Balm - 50 ml", "quantity": 1, "price": "24.50",
    "sku": "BA-50", "vendor": "Dewpoint",
}  # fmt: skip
BALM = {
    "id": 7, "title": "Balm", "handle": "balm", "product_type": "Balm", "variants": [],
    "image": {"src": "https://cdn.shopify.com/s/balm.jpg"}, "updated_at": "2026-11-01T00:00:00Z",
}  # fmt: skip


def told(shop: Shop, minute: int, *, quantity: int = 1, currency: str = "USD") -> None:
    at = f"2026-11-21T11:{minute:02}:00Z"
    cart: dict[str, Any] = {
        "token": "c-1", "created_at": at, "updated_at": at,
        "line_items": [LINE | {"quantity": quantity}],
    }  # fmt: skip
    apply_facts(shop, carts.normalise("carts/update", cart, currency))


def added(shop: Shop) -> Event:
    with db.reading() as session:
        (event,) = events.latest_events(session, shop.id)
    assert event.metric == "Added to Cart"
    return event


def details(shop: Shop) -> dict[str, Any]:
    """The event's properties as a mail sees them."""
    return with_details(Catalog(shop), added(shop).properties)


@pytest.mark.parametrize("catalog_first", [True, False])
def test_what_is_added_to_a_cart_tells_what_klaviyos_metric_does(database, shop, catalog_first):
    catalog = products.normalise("products/update", BALM, "USD")
    if catalog_first:
        apply_facts(shop, catalog)
    told(shop, 0)
    if not catalog_first:
        apply_facts(shop, catalog)

    event = added(shop)
    assert (event.value, event.currency) == (2450, "USD")
    assert details(shop) == {
        "product_id": 7, "variant_id": 71, "title": "Balm - 50 ml", "variant_title": "",
        "sku": "BA-50", "vendor": "Dewpoint", "quantity": 1, "price": 24.5, "currency": "USD",
        "image": "https://cdn.shopify.com/s/balm.jpg", "url": "http://127.0.0.1:8001/products/balm",
        "categories": ["Balm"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("https://aurora.example/de/products/balm", "https://aurora.example/de/products/balm"),
        ("https://de.aurora.example/balm", "https://de.aurora.example/balm"),
        ("https://dewpoint.myshopify.com/balm", "https://dewpoint.myshopify.com/balm"),
        ("/pages/quiz", "/pages/quiz"),
        ("https://evil.example/balm", None),
        ("https://evil-aurora.example/balm", None),
        ("https://aurora.example@evil.example/", None),
        ("https://evil.example\\@aurora.example/", None),
        ("https://[", None),
        ("//evil.example/balm", None),
        ("evil.example/balm", None),
        (7, None),
    ],
)
def test_s15_what_a_browser_tells_leads_a_mail_to_no_other_site(database, shop, told, shown):
    shop.url = "https://www.aurora.example"
    apply_facts(shop, products.normalise("products/update", BALM, "USD"))
    seen = {"product_id": 7, "url": told, "browser_id": "b-1"}

    catalog = Catalog(shop)
    found = with_details(catalog, seen)
    of_the_api = with_details(catalog, {"url": told})

    assert found["url"] == (shown or "https://www.aurora.example/products/balm")
    assert of_the_api["url"] == told


def test_of_an_unknown_or_deleted_product_no_details_are_made_up(database, shop):
    told(shop, 0)
    assert not {"image", "url", "categories"} & details(shop).keys()
    apply_facts(shop, products.normalise("products/delete", {"id": 7}, "USD"))

    assert not {"image", "url", "categories"} & details(shop).keys()


@pytest.mark.parametrize("product_id", [None, "x", 0, -7, 2**63, {"id": 7}, [7], True])
def test_an_odd_product_id_costs_no_event(database, shop, product_id):
    cart = {
        "token": "c-1", "created_at": "2026-11-21T11:00:00Z",
        "line_items": [LINE | {"product_id": product_id}],
    }  # fmt: skip
    apply_facts(shop, carts.normalise("carts/update", cart, "USD"))

    assert added(shop).value == 2450
    assert "image" not in details(shop)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_earliest_telling_says_how_many_were_added(database, shop, order):
    tellings = [(5, 1), (20, 2), (40, 7)]

    for n in order:
        told(shop, tellings[n][0], quantity=tellings[n][1])

    event = added(shop)
    assert (event.occurred_at.minute, event.properties["quantity"]) == (5, 1)


def test_of_two_tellings_of_one_moment_the_same_counts_in_either_order(database, shop):
    told(shop, 5, quantity=2)
    told(shop, 5, quantity=1)
    first = added(shop).properties["quantity"]
    told(shop, 5, quantity=2)

    assert first == added(shop).properties["quantity"] == 1
