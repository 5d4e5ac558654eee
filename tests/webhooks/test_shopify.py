"""POST /webhooks/shopify: what is signed is kept once and answered 200; the rest leaves nothing."""

import base64
import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin.settings import get_settings
from plugin.web import application
from storage import db, inbox
from storage.inbox import Arrival, Delivery
from webhooks.app import routes
from webhooks.shopify import MAX_BODY_BYTES

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


def kept() -> list[Delivery]:
    with db.inbox_reading() as session:
        return list(db.every_shop(session, select(Delivery), "this test").scalars())


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


def test_a_delivery_is_kept_raw_and_the_worker_is_told(client, bell):
    assert post(client).status_code == 200

    (delivery,) = kept()
    assert delivery.body == BODY
    assert (delivery.webhook_id, delivery.topic, delivery.state) == (
        "w-1",
        "customers/update",
        "new",
    )
    bell.queues["digest"].get(timeout=2)


def test_both_families_of_headers_mean_the_same(small_client):
    old = headers(API_Version="2026-10")
    new = {name.removeprefix("X-"): value for name, value in old.items()}

    assert post(small_client, given=old).status_code == 200
    assert post(small_client, given={**new, "Shopify-Webhook-Id": "w-2"}).status_code == 200
    first, second = (
        delivery.model_dump(exclude={"webhook_id", "received_at"}) for delivery in kept()
    )
    assert first == second
    assert first["topic"] == "customers/update"

    assert post(small_client, given=new).status_code == 200  # the first one once more
    assert len(kept()) == 2


def test_one_family_cannot_sign_for_the_other(small_client):
    """What the signature's own family does not say was not said."""
    given = headers()
    mixed = {"Shopify-Hmac-Sha256": given.pop("X-Shopify-Hmac-Sha256"), **given}
    wrong = {**headers(), "X-Shopify-Hmac-Sha256": "x", "Shopify-Hmac-Sha256": sign(BODY)}

    assert post(small_client, given=mixed).status_code == 200
    assert post(small_client, given=wrong).status_code == 401
    assert kept() == []


def test_a_delivery_is_kept_once_however_often_it_comes(client):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(client).status_code, range(100)))

    assert answers == [200] * 100
    assert len(kept()) == 1


def test_every_one_of_many_concurrent_deliveries_is_acknowledged_and_kept(client):
    def one(number: int) -> int:
        return post(client, given=headers(Webhook_Id=f"w-{number}")).status_code

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(one, range(300))) == {200}
    assert len(kept()) == 300


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "x",
        "é".encode("latin-1"),
        "A" * 10_000,
        "====",
        hmac.new(SECRET, BODY, "sha256").hexdigest(),
    ],
    ids=["empty", "short", "latin-1", "very long", "padding", "hex instead of base64"],
)
def test_a_wrong_signature_is_401_and_leaves_nothing(small_client, signature):
    given = headers()
    given.pop("X-Shopify-Hmac-Sha256")
    raw = [(k.encode(), v.encode()) for k, v in given.items()]
    value = signature if isinstance(signature, bytes) else signature.encode()
    answer = small_client.post(
        "/webhooks/shopify", content=BODY, headers=[*raw, (b"X-Shopify-Hmac-Sha256", value)]
    )

    assert answer.status_code == 401
    assert kept() == []


def test_a_missing_signature_is_401(small_client):
    given = headers()
    del given["X-Shopify-Hmac-Sha256"]

    assert post(small_client, given=given).status_code == 401


@settings(
    max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    junk=st.binary(max_size=80).filter(
        lambda b: b"\r" not in b and b"\n" not in b and b"\0" not in b
    )
)
def test_no_signature_whatever_makes_it_fall_over(small_client, junk):
    raw = [(k.encode(), v.encode()) for k, v in headers().items() if "Hmac" not in k]
    answer = small_client.post(
        "/webhooks/shopify", content=BODY, headers=[*raw, (b"X-Shopify-Hmac-Sha256", junk)]
    )

    assert answer.status_code == 401


def test_a_body_over_the_limit_is_413(small_client):
    body = b"x" * (MAX_BODY_BYTES + 1)

    assert post(small_client, body).status_code == 413
    assert kept() == []


def test_an_encoded_body_is_415(small_client):
    answer = post(small_client, given={**headers(), "Content-Encoding": "gzip"})

    assert answer.status_code == 415


def test_a_shop_that_is_not_ours_is_answered_and_ignored(small_client):
    answer = post(small_client, given=headers(Shop_Domain="stranger.myshopify.com"))

    assert answer.status_code == 200
    assert kept() == []


def test_a_topic_that_nobody_subscribed_to_is_answered_and_ignored(small_client):
    assert post(small_client, given=headers(Topic="disputes/create")).status_code == 200
    assert kept() == []


def test_another_method_is_405(small_client):
    assert small_client.get("/webhooks/shopify").status_code == 405


def test_a_database_that_is_away_is_503_so_that_shopify_tries_again(small_client, monkeypatch):
    def away() -> None:
        raise db.OperationalError("insert", {}, Exception("away"))

    monkeypatch.setattr(db, "inbox_engine", away)

    assert post(small_client).status_code == 503


def test_the_old_client_secret_still_counts_while_it_is_rotated(sqlite, shop, monkeypatch):
    monkeypatch.setenv("REGULARS_SHOPIFY_OLD_CLIENT_SECRET", SECRET.decode())
    monkeypatch.setenv("REGULARS_SHOPIFY_CLIENT_SECRET", "the-new-one")
    get_settings.cache_clear()
    try:
        with TestClient(Starlette(routes=routes())) as client:
            assert post(client).status_code == 200
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()


def test_what_is_kept_at_once_reads_as_what_sqlalchemy_keeps_and_only_once(database, shop):
    at = datetime(2026, 11, 21, 20, 0, 0, 7, timezone(timedelta(hours=8)))
    one = Arrival(shop.id, "w-1", "orders/create", "2026-10", "2026-11-21T12:00:00Z", at, BODY)
    with db.inbox_transaction() as session:
        inbox.keep(session, [one])
    inbox.keep_now([one._replace(webhook_id="w-2"), one])
    inbox.keep_now([one._replace(body=b"another")])

    first, second = (each.model_dump(exclude={"webhook_id"}) for each in kept())
    assert first == second
    assert first["received_at"] == at


def test_shopify_is_led_straight_to_the_inbox_in_the_whole_app(sqlite, shop):
    app = application(routes(), https=True)
    with TestClient(app) as client:
        assert post(client).status_code == 200
        answer = post(client, given=headers(b"another body"))

        assert (answer.status_code, answer.headers.get("Content-Length")) == (401, "0")
        assert "Referrer-Policy" not in answer.headers
        assert "Referrer-Policy" in client.get("/healthz").headers
        assert len(kept()) == 1
