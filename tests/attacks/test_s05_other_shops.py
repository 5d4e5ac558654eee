"""S05: the signature covers the body alone, and every shop's is made with the same secret.

So a genuine body can be sent again under another shop's or another topic's name.
"""

import json

import pytest
from sqlmodel import select

from plugin.ingest.digest import digest_deliveries
from storage.engine import db
from storage.inbox import Delivery, DeliveryState
from storage.profiles import count_profiles
from storage.shops import Shop, add_shop, get_shop, uninstall
from tests.conftest import NOW
from tests.webhooks.test_shopify import headers, kept

VICTIM, ATTACKER = "dewpoint.myshopify.com", "evil.myshopify.com"
OF_ATTACKER = {"id": 9, "name": "Evil", "email": "evil@example.com", "myshopify_domain": ATTACKER,
               "updated_at": "2026-11-22T12:00:00Z", "currency": "EUR"}  # fmt: skip
CUSTOMER = {"id": 1, "email": "evil@example.com", "name": "Evil", "currency": "EUR",
            "updated_at": "2026-11-22T12:00:00Z"}  # fmt: skip


@pytest.fixture
def attacker(shop: Shop) -> Shop:
    """A shop that anybody may open, with the app on it."""
    with db.transaction() as session:
        return add_shop(session, ATTACKER, NOW, name="Evil", access_token="shpat_evil")


def send(client, topic, said, domain=VICTIM):
    body = json.dumps(said).encode()
    given = headers(body, Topic=topic, Shop_Domain=domain, Triggered_At="2026-11-22T12:00:00Z")
    return client.post("/webhooks/shopify", content=body, headers=given).status_code


def the_shop(shop):
    with db.reading() as session:
        return get_shop(session, shop.id)


@pytest.mark.parametrize("topic", ["app/uninstalled", "shop/update"])
@pytest.mark.parametrize("said", [OF_ATTACKER, CUSTOMER], ids=["another shop's", "of no shop"])
def test_s05_a_body_under_another_shops_name_changes_nothing_of_it(
    way_in, shop, attacker, topic, said
):
    before = the_shop(shop).model_dump()

    assert send(way_in, topic, said) == 200
    digest_deliveries()

    assert the_shop(shop).model_dump() == before
    with db.inbox_reading() as session:
        kept = session.exec(select(Delivery.state).where(Delivery.shop_id == shop.id)).all()
    assert kept == [DeliveryState.QUARANTINED]


@pytest.mark.parametrize("topic", ["customers/redact", "shop/redact", "customers/data_request"])
def test_s05_a_request_by_law_is_its_bodys_whatever_the_header_says(way_in, shop, attacker, topic):
    said = {"shop_id": 9, "shop_domain": ATTACKER, "customer": {"id": 1}, "data_request": {"id": 1}}

    assert send(way_in, topic, said) == 200

    assert [delivery.shop_id for delivery in kept()] == [attacker.id]


def test_s05_news_of_a_shop_that_is_not_ours_leaves_nothing(way_in, shop):
    assert send(way_in, "customers/update", CUSTOMER, "stranger.myshopify.com") == 200
    assert send(way_in, "customers/update", CUSTOMER, f"{VICTIM}.evil.example") == 200
    assert send(way_in, "customers/update", CUSTOMER, "") == 200

    assert kept() == []


def test_s05_news_of_a_shop_that_has_uninstalled_the_app_leaves_nothing(way_in, shop):
    with db.transaction() as session:
        uninstall(session, shop.id, NOW)

    assert send(way_in, "customers/update", CUSTOMER) == 200

    assert kept() == []


def test_s05_what_is_told_to_one_shop_stays_there(way_in, shop, attacker):
    assert send(way_in, "customers/update", CUSTOMER, ATTACKER) == 200
    digest_deliveries()

    with db.reading() as session:
        assert count_profiles(session, attacker.id) == 1
    with db.reading() as session:
        assert count_profiles(session, shop.id) == 0
