"""The three compliance topics reach the inbox, with any headers about the shop."""

import json
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from storage.engine import db
from storage.shops import get_shop, uninstall
from tests.conftest import NOW
from tests.webhooks.test_shopify import headers, kept, post
from webhooks.app import routes

SHOP = {"shop_id": 954889, "shop_domain": "dewpoint.myshopify.com"}
CUSTOMER = {"customer": {"id": 77, "email": "maya@example.com", "phone": None}}
TOLD = {
    "customers/data_request": {
        **SHOP, **CUSTOMER, "orders_requested": [], "data_request": {"id": 9},
    },
    "customers/redact": {**SHOP, **CUSTOMER, "orders_to_redact": [1]},
    "shop/redact": SHOP,
}  # fmt: skip


@pytest.fixture
def client(sqlite, shop):
    with TestClient(Starlette(routes=routes())) as client:
        yield client


@pytest.mark.parametrize("topic", TOLD)
def test_it_is_kept_without_the_header_that_names_the_shop(client, shop, topic):
    body = json.dumps(TOLD[topic]).encode()
    given = headers(body, Topic=topic)
    del given["X-Shopify-Shop-Domain"], given["X-Shopify-Webhook-Id"]
    del given["X-Shopify-Triggered-At"]

    answers = [post(client, body, given).status_code for _ in range(2)]

    (delivery,) = kept()
    assert answers == [200, 200]
    assert (delivery.shop_id, delivery.topic, delivery.body) == (shop.id, topic, body)
    assert delivery.triggered_at


@pytest.mark.parametrize("topic", TOLD)
def test_it_is_kept_for_a_shop_that_has_uninstalled_the_app(client, shop, topic):
    with db.transaction() as session:
        uninstall(session, shop.id, NOW + timedelta(days=1))
        assert get_shop(session, shop.id).uninstalled_at
    body = json.dumps(TOLD[topic]).encode()

    assert post(client, body, headers(body, Topic=topic)).status_code == 200
    assert [delivery.topic for delivery in kept()] == [topic]


@pytest.mark.parametrize("topic", TOLD)
def test_a_bad_signature_is_401(client, topic):
    body = json.dumps(TOLD[topic]).encode()
    given = {**headers(b"another body", Topic=topic)}

    assert post(client, body, given).status_code == 401
    del given["X-Shopify-Hmac-Sha256"]
    assert post(client, body, given).status_code == 401
    assert kept() == []


@pytest.mark.parametrize("body", [b"{}", b"nonsense", b"[]", b'{"shop_domain": 5}',
                                  b'{"shop_domain": "stranger.myshopify.com"}'])  # fmt: skip
def test_a_shop_that_is_not_ours_is_answered_and_ignored(client, body):
    answer = post(client, body, headers(body, Topic="customers/redact"))

    assert answer.status_code == 200
    assert kept() == []


def test_the_signed_body_and_not_the_header_says_which_shop(client, shop):
    body = json.dumps(TOLD["shop/redact"] | {"shop_domain": "stranger.myshopify.com"}).encode()

    assert post(client, body, headers(body, Topic="shop/redact")).status_code == 200
    assert kept() == []
