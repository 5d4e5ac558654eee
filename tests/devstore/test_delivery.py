"""Webhooks on their way: signed as Shopify signs, tried nine times over four hours."""

import asyncio
import base64
import hashlib
import hmac
import json
from dataclasses import replace
from itertools import pairwise

import httpx2
import pytest

from devstore.delivery import Courier
from devstore.shop.outbox import signature
from devstore.shop.store import Store


def courier(store, answer):
    return Courier([store], httpx2.AsyncClient(transport=httpx2.MockTransport(answer)))


def deliver(store, answer):
    """Try everything that is due now, once."""
    return asyncio.run(courier(store, answer).deliver_due())


def test_the_signature_is_base64_of_the_hmac_of_the_raw_body():
    expected = hmac.new(b"secret", b'{"a":1}', hashlib.sha256).digest()

    assert signature(b'{"a":1}', "secret") == base64.b64encode(expected).decode()


def test_a_delivery_carries_shopifys_headers(store, app):
    store.subscribe_newsletter("zoë@example.com")
    came = []

    def answer(request):
        came.append(request)
        return httpx2.Response(200)

    assert deliver(store, answer) == 3
    request = came[0]
    assert str(request.url) == "http://app.test/webhooks/shopify"
    assert request.headers["X-Shopify-Topic"] == "customers/create"
    assert request.headers["X-Shopify-Shop-Domain"] == "dewpoint.myshopify.com"
    assert request.headers["X-Shopify-API-Version"] == "2026-10"
    assert request.headers["X-Shopify-Triggered-At"] == "2026-11-20T15:00:00.000000000Z"
    assert request.headers["X-Shopify-Hmac-Sha256"] == signature(request.content, app.client_secret)
    assert json.loads(request.content)["email"] == "zoë@example.com"
    assert len({each.headers["X-Shopify-Webhook-Id"] for each in came}) == 3
    assert deliver(store, answer) == 0


def test_the_store_can_speak_as_next_generation_events_do(app, clock):
    new = replace(app, webhook_headers="Shopify-")
    store = Store(app=new, now=clock)
    store.install()
    store.register_customer("mia@example.com")
    (delivery,) = store.deliveries()
    store.close()

    assert delivery.topic == delivery.headers["Shopify-Topic"] == "customers/create"
    assert delivery.headers["Shopify-Hmac-Sha256"] == signature(delivery.body, app.client_secret)
    assert not [name for name in delivery.headers if name.startswith("X-")]


@pytest.mark.parametrize("status", [301, 400, 401, 500, 503])
def test_anything_but_2xx_is_tried_again_with_the_same_id_and_body(store, clock, status):
    store.register_customer("mia@example.com")
    came = []

    def answer(request):
        came.append((request.headers["X-Shopify-Webhook-Id"], request.content))
        return httpx2.Response(status)

    deliver(store, answer)
    store.register_customer("mia@example.com", first_name="Mia")
    clock.skip(minutes=1)
    deliver(store, answer)

    assert came.count(came[0]) == 2


def test_eight_retries_take_four_hours_and_then_it_is_over(store, clock):
    store.register_customer("mia@example.com")
    started, waits = clock(), []

    def answer(request):
        waits.append((clock() - started).total_seconds())
        raise httpx2.ConnectError("nobody there")

    for _ in range(6 * 60):
        deliver(store, answer)
        clock.skip(minutes=1)

    assert len(waits) == 9
    assert 3.9 * 3600 < waits[-1] < 4.2 * 3600
    gaps = [later - sooner for sooner, later in pairwise(waits)]
    assert gaps == sorted(gaps)
    assert store.outbox()[0].given_up


def test_everything_can_be_sent_a_second_time_under_the_same_ids(store):
    store.subscribe_newsletter("mia@example.com")
    came = []

    def answer(request):
        came.append(request.headers["X-Shopify-Webhook-Id"])
        return httpx2.Response(200)

    deliver(store, answer)
    assert store.redeliver() == 3
    deliver(store, answer)

    assert sorted(came[:3]) == sorted(came[3:])


def test_what_gets_lost_is_never_tried(store, clock):
    came = []

    def answer(request):
        came.append(request.headers["X-Shopify-Topic"])
        return httpx2.Response(200)

    store.lose("customers/create")
    store.subscribe_newsletter("mia@example.com")
    clock.skip(hours=5)
    deliver(store, answer)

    assert came == ["customers/update", "customers_email_marketing_consent/update"]
    (lost,) = store.outbox("customers/create")
    assert (lost.given_up, lost.attempts) == (True, 0)
    store.lose()
    store.register_customer("noor@example.com")
    deliver(store, answer)
    assert came[2:] == ["customers/create"]


def test_a_slow_app_is_a_dead_app(store, monkeypatch):
    monkeypatch.setattr("devstore.delivery.TOTAL_S", 0.02)
    store.register_customer("mia@example.com")

    async def answer(request):
        await asyncio.sleep(1)
        return httpx2.Response(200)

    deliver(store, answer)

    assert not store.outbox()[0].done
    assert store.outbox()[0].attempts == 1


def test_the_courier_works_until_it_is_told_to_stop(store):
    came = []

    def answer(request):
        came.append(request.headers["X-Shopify-Topic"])
        return httpx2.Response(204)

    async def work():
        stop = asyncio.Event()
        running = asyncio.create_task(courier(store, answer).run(stop))
        store.register_customer("mia@example.com")
        while not came:
            await asyncio.sleep(0.01)
        stop.set()
        await asyncio.wait_for(running, 10)
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert asyncio.run(work()) == []
    assert store.outbox()[0].done
