"""Which products a mail may show: what the storefront shows and sells at this moment."""

from datetime import UTC, datetime, timedelta

import pytest

from plugin import clock
from plugin.ingest.record import record_facts
from plugin.shopify.normalise import inventory, products
from plugin.templates.product_feeds import Catalog, products_for
from storage.engine import db
from storage.engine.types import JsonObject
from storage.products import products_by_id, variants_by_product
from storage.shops import Shop
from storage.templates import MailBlock

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SERUM, ITEM, SIZE = 5, 801, 701


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def size(number: int = SIZE, **said: object) -> JsonObject:
    item = {"inventory_item_id": number + 100, "inventory_quantity": 4, "inventory_policy": "deny"}
    return {"id": number, "title": str(number), "price": "20.00", **item, **said}


def tell(shop: Shop, minutes: int, *sizes: JsonObject, **said: object) -> None:
    """Shopify says products/update, so many minutes after noon yesterday."""
    at = (NOW - timedelta(days=1) + timedelta(minutes=minutes)).isoformat()
    payload: JsonObject = {
        "id": SERUM, "title": "Serum", "handle": "serum", "status": "active",
        "published_at": "2026-01-01T00:00:00Z", "updated_at": at, "triggered_at": at,
        "variants": list(sizes or [size()]),
    }  # fmt: skip
    with db.transaction() as session:
        facts = products.normalise("products/update", payload | said, shop.currency)
        record_facts(session, shop, facts, NOW)


def move(shop: Shop, minutes: int, available: int | None, place: int = 1) -> None:
    """Shopify says inventory_levels/update, so many minutes after noon yesterday."""
    at = (NOW - timedelta(days=1) + timedelta(minutes=minutes)).isoformat()
    level = {"inventory_item_id": ITEM, "location_id": place, "available": available}
    with db.transaction() as session:
        sent = level | {"updated_at": at, "triggered_at": at}
        record_facts(session, shop, inventory.levels("inventory_levels/update", sent, "USD"), NOW)


def shown(shop: Shop) -> list[int]:
    return [card["id"] for card in Catalog(shop).of()]


TRACKED = {"inventory_management": "shopify"}


def test_a_product_is_shown_from_the_moment_it_is_published(
    database: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(shop, 0, published_at="2026-11-21T13:00:00Z")
    assert shown(shop) == []

    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(hours=1))

    assert shown(shop) == [SERUM]


@pytest.mark.parametrize(("scope", "is_shown"), [("web", 1), ("global", 1), ("pos", 0)])
def test_what_only_the_counter_sells_is_not_shown(
    database: str, shop: Shop, scope: str, is_shown: bool
) -> None:
    tell(shop, 0, published_scope=scope)

    assert shown(shop) == [SERUM] * is_shown


def test_one_size_in_stock_is_enough_and_a_free_one_is_not(database: str, shop: Shop) -> None:
    sold_out = size(702, inventory_quantity=0, **TRACKED)
    tell(shop, 0, sold_out, size(703, **TRACKED))
    assert shown(shop) == [SERUM]

    tell(shop, 1, sold_out, size(703, price="0.00", **TRACKED))
    assert shown(shop) == []


def test_the_newest_report_of_a_stock_counts(database: str, shop: Shop) -> None:
    tell(shop, 10, size(inventory_quantity=3, **TRACKED))
    move(shop, 9, 0)
    assert shown(shop) == [SERUM]

    move(shop, 11, 0)
    assert shown(shop) == []

    move(shop, 12, 2, place=2)
    assert shown(shop) == [SERUM]

    tell(shop, 13, size(inventory_quantity=0, **TRACKED))
    assert shown(shop) == []


def test_a_stock_that_nobody_told_is_no_sold_out(database: str, shop: Shop) -> None:
    tell(shop, 0, size(inventory_quantity=None, **TRACKED))

    assert shown(shop) == [SERUM]


def test_whether_a_stock_is_counted_stays_known_when_a_webhook_leaves_it_out(
    database: str, shop: Shop
) -> None:
    tell(shop, 0, size(**TRACKED))

    tell(shop, 1, size(inventory_quantity=0))

    assert shown(shop) == []


def test_of_many_variants_the_unnamed_go_and_the_cheapest_tells_the_price(
    database: str, shop: Shop
) -> None:
    first, cheap, gone = size(1), size(2, price="9.00"), size(3, price="1.00")
    tell(shop, 0, first, cheap, gone)

    named = [{"admin_graphql_api_id": f"gid://shopify/ProductVariant/{n}"} for n in (1, 2)]
    tell(shop, 1, size(1, title="New"), variant_gids=named)

    with db.reading() as session:
        kept = variants_by_product(session, shop.id, [SERUM])[SERUM]
        price = products_by_id(session, shop.id, [SERUM])[SERUM].price
    assert {(row["id"], row["title"]) for row in kept} == {(1, "New"), (2, "2")}
    assert price == 9_00


def test_a_block_shows_what_there_is_when_that_is_less_than_it_wants(
    database: str, shop: Shop
) -> None:
    tell(shop, 0)
    block: MailBlock = {"type": "products", "feed": "answer", "property": "need", "limit": 3}
    cards = Catalog(shop).of()

    assert [card["title"] for card in products_for([block], {}, cards)] == ["Serum"]
    assert products_for([block], {}, []) == []
