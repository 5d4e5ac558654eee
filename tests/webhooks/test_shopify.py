"""POST /webhooks/shopify: what is signed is kept once and answered 200; the rest leaves nothing."""

import asyncio
import base64
import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from sqlmodel import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin.runtime.web import build_app
from storage import arrivals, inbox
from storage.arrivals import Arrival, NewDelivery
from storage.engine import db, faults
from storage.inbox import DeliveryState
from webhooks import shopify
from webhooks.app import routes

SECRET = b"a client secret of 32 bytes for tests"
BODY = json.dumps({"id": 1, "updated_at": "2026-11-21T12:00:00Z"}).encode()


def sign(body: bytes) -> str:
    return base64.b64encode(hmac.new(SECRET, body, hashlib.sha256).digest()).decode()


def headers(body: bytes = BODY, **changes: str) -> dict[str, str]:
    given = {
        "X-Shopify-Hmac-Sha256": sign(body),
        "X-Shopify-Shop-Domain": "dewpoint.myshopify.com",
        "X-Shopify-Topic": "customers/update",
        "X-Shopify-Webhook-Id": "w-1",
        "X-Shopify-Triggered-At": "2026-11-21T12:00:00Z",
    }
    return {**given, **{f"X-Shopify-{k.replace('_', '-')}": v for k, v in changes.items()}}


def kept() -> list[Arrival]:
    """What counts: the door may write down twice what came twice."""
    with db.inbox_transaction() as session:
        arrivals.take_in_arrivals(session)
        return list(db.across_shops(session, select(Arrival), "this test").scalars())


@pytest.fixture
def client(database, shop):
    with TestClient(Starlette(routes=routes())) as client:
        yield client


@pytest.fixture
def small_client(sqlite, shop):
    with TestClient(Starlette(routes=routes())) as client:
        yield client


def post(client, body=BODY, given=None):
    return client.post("/webhooks/shopify", content=body, headers=given or headers(body))


def test_a_delivery_is_kept_raw_and_the_worker_is_told(client, broker):
    assert post(client).status_code == 200

    (delivery,) = kept()
    assert delivery.body == BODY
    assert (delivery.webhook_id, delivery.topic) == ("w-1", "customers/update")
    broker.queues["digest"].get(timeout=2)


def test_both_families_of_headers_mean_the_same(small_client):
    old = headers(API_Version="2026-10")
    new = {name.removeprefix("X-"): value for name, value in old.items()}

    assert post(small_client, given=old).status_code == 200
    assert post(small_client, given={**new, "Shopify-Webhook-Id": "w-2"}).status_code == 200
    first, second = (
        delivery.model_dump(exclude={"id", "webhook_id", "received_at"}) for delivery in kept()
    )
    assert first == second
    assert first["topic"] == "customers/update"

    assert post(small_client, given=new).status_code == 200  # the first one once more
    assert len(kept()) == 2


@pytest.mark.parametrize("stray", ["Topic", "Shop-Domain", "Webhook-Id"])
def test_one_family_cannot_speak_for_the_other(small_client, stray):
    """A header missing from the signature's own family counts as missing."""
    given = headers()
    mixed = {name.removeprefix("X-"): value for name, value in given.items()}
    mixed[f"X-Shopify-{stray}"] = mixed.pop(f"Shopify-{stray}")
    wrong = {**given, "X-Shopify-Hmac-Sha256": "x", "Shopify-Hmac-Sha256": sign(BODY)}

    assert post(small_client, given=mixed).status_code == 200
    assert post(small_client, given=wrong).status_code == 401
    assert kept() == []


def test_every_one_of_many_concurrent_deliveries_is_acknowledged_and_kept(client):
    def one(number: int) -> int:
        return post(client, given=headers(Webhook_Id=f"w-{number}")).status_code

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(one, range(300))) == {200}
    assert len(kept()) == 300


def test_a_topic_without_a_subscription_is_answered_and_ignored(small_client):
    assert post(small_client, given=headers(Topic="disputes/create")).status_code == 200
    assert kept() == []


def test_another_method_is_405(small_client):
    assert small_client.get("/webhooks/shopify").status_code == 405


def test_a_database_that_is_away_is_503_so_that_shopify_tries_again(small_client, monkeypatch):
    def away() -> None:
        raise faults.passing_fault("insert", Exception("away"))

    monkeypatch.setattr(db, "inbox_engine", away)

    assert post(small_client).status_code == 503


def test_a_database_that_says_nothing_is_503_while_shopify_still_waits(sqlite, shop, monkeypatch):
    async def hang(arrivals: list[NewDelivery]) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(arrivals, "async_writer", lambda: hang)
    monkeypatch.setattr(shopify, "COMMIT_TIMEOUT_S", 0.05)
    with TestClient(Starlette(routes=routes())) as client:
        assert post(client).status_code == 503


def test_what_is_kept_reads_as_what_sqlalchemy_keeps_and_only_once(database, shop):
    at = datetime(2026, 11, 21, 20, 0, 0, 7, timezone(timedelta(hours=8)))
    one = NewDelivery(shop.id, "w-1", "orders/create", "2026-10", "2026-11-21T12:00:00Z", at, BODY)
    with db.inbox_transaction() as session:
        inbox.add_settled(session, one, DeliveryState.DONE)
    arrivals.add_deliveries([one._replace(webhook_id="w-2"), one])
    arrivals.add_deliveries([one._replace(body=b"another")])

    first, second = (each.model_dump(exclude={"id", "webhook_id"}) for each in kept())
    assert first == second
    assert first["received_at"] == at


def test_shopify_is_led_straight_to_the_inbox_in_the_whole_app(sqlite, shop):
    app = build_app(routes(), https=True)
    with TestClient(app) as client:
        assert post(client).status_code == 200
        answer = post(client, given=headers(b"another body"))

        assert (answer.status_code, answer.headers.get("Content-Length")) == (401, "0")
        assert "Referrer-Policy" not in answer.headers
        assert "Referrer-Policy" in client.get("/healthz").headers
        assert len(kept()) == 1
