"""Custom events: Klaviyo's limits, once each, and no harm to other shoppers."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin import clock
from plugin.facts import EventFact, IdentityKey, ProfileFact
from plugin.ingest import custom_metrics
from plugin.ingest.custom_metrics import parse_event
from storage import events, metrics
from storage.engine import db
from storage.metrics import RejectReason
from storage.shops import Shop
from webhooks.app import routes

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADA = ProfileFact((IdentityKey("email", "ada@example.com"),), NOW)
DEEP: Any = "x"
for _ in range(custom_metrics.MAX_JSON_DEPTH):
    DEEP = [DEEP]


def told(**said: Any) -> EventFact | RejectReason:
    return parse_event({"name": "Finished Quiz", **said}, ADA, "USD", NOW)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"name": ""}, RejectReason.NAME),
        ({"name": "x" * 129}, RejectReason.NAME),
        ({"name": "ada@example.com came"}, RejectReason.NAME),
        ({"properties": []}, RejectReason.PROPERTIES),
        ({"properties": {str(n): n for n in range(301)}}, RejectReason.PROPERTIES),
        ({"properties": {"x": "é" * 50_001}}, RejectReason.FIELD),
        ({"properties": {"x": float("nan")}}, RejectReason.FIELD),
        ({"properties": {"x": [0] * 4_001}}, RejectReason.ITEMS),
        ({"properties": {"x": DEEP}}, RejectReason.DEPTH),
        ({"properties": {str(n): "x" * 90_000 for n in range(60)}}, RejectReason.SIZE),
        ({"time": "1999-12-31T23:59:59Z"}, RejectReason.TIME),
        ({"time": "2027-11-23T12:00:00Z"}, RejectReason.TIME),
        ({"time": 5}, RejectReason.TIME),
        ({"value": "many"}, RejectReason.VALUE),
        ({"value": True}, RejectReason.VALUE),
        ({"value": 5, "value_currency": "XXZ"}, RejectReason.VALUE),
        ({"unique_id": "x" * 201}, RejectReason.UNIQUE_ID),
        ({"unique_id": 5}, RejectReason.UNIQUE_ID),
    ],
)
def test_what_passes_a_limit_is_not_taken_and_the_reason_named(
    said: dict[str, Any], why: RejectReason
) -> None:
    assert told(**said) is why


def test_what_stays_within_the_limits_is_taken_whole() -> None:
    properties = {
        **{str(n): n for n in range(299)},
        "list": [0] * 4_000,
    }
    did = told(properties=properties, value=19.99, time="2026-11-20T12:00:00Z", unique_id="q-1")

    assert isinstance(did, EventFact)
    assert (did.value, did.currency, did.occurred_at.day) == (1999, "USD", 20)
    assert did.properties == properties
    yen = told(value="1999", value_currency="jpy")
    assert isinstance(yen, EventFact)
    assert (yen.value, yen.currency) == (1999, "JPY")
    nested = told(properties={"x": DEEP[0]})
    assert isinstance(nested, EventFact)


def test_an_id_counts_once_for_a_shopper_and_a_metric() -> None:
    bo = ProfileFact((IdentityKey("email", "bo@example.com"),), NOW)
    ids = {
        did.unique_id
        for person in (ADA, bo, ADA)
        if isinstance(
            did := parse_event({"name": "Quiz", "unique_id": "1"}, person, "USD", NOW), EventFact
        )
    }
    assert len(ids) == 2
    same, again, other = (told(properties={"n": n}) for n in (1, 1, 2))
    assert isinstance(same, EventFact)
    assert isinstance(again, EventFact)
    assert isinstance(other, EventFact)
    assert same.unique_id == again.unique_id != other.unique_id


@pytest.fixture
def client(shop: Shop) -> Any:
    with TestClient(Starlette(routes=routes())) as client:
        yield client


def page_tells(client: TestClient, n: int, metric: str, **data: Any) -> None:
    event = {
        "id": f"e-{n}", "name": "custom", "metric": metric, "client_id": "b-1", "marketing": True,
        "timestamp": clock.now().isoformat(), "url": "http://s/quiz", "data": data,
    }  # fmt: skip
    body = {"shop": "dewpoint.myshopify.com", "events": [event]}
    assert client.post("/pixel", content=json.dumps(body)).status_code == 204


def test_a_pages_own_event_is_recorded_once_and_its_metric_listed(
    database: str, client: TestClient, shop: Shop
) -> None:
    data = {"result": "dry skin", "$value": 12.5, "$value_currency": "EUR", "browser_id": "forged"}
    for n in (1, 1, 2):
        page_tells(client, n, " Finished  Quiz ", **data)

    with db.reading() as session:
        kept = events.latest_events(session, shop.id)
        (metric,) = metrics.metrics_of(session, shop.id).values()
        seen = metrics.seen_metrics(session, shop.id)
    assert [(e.metric, e.value, e.currency) for e in kept] == [("Finished Quiz", 1250, "EUR")] * 2
    assert (kept[0].properties["result"], kept[0].properties["browser_id"]) == ("dry skin", "b-1")
    assert (metric.name, metric.service) == ("Finished Quiz", "onsite")
    assert [(each.name, each.first_at) for each in seen] == [
        ("Finished Quiz", min(event.occurred_at for event in kept))
    ]


def test_a_page_cannot_say_what_shopify_vouches_for(client: TestClient, shop: Shop) -> None:
    hidden = ("Checkout\0 Started", "Placed Order\0", "Clicked\ud800 Email")
    for n, metric in enumerate(("Placed Order", " placed  ORDER", "Received Email", *hidden)):
        page_tells(client, n, metric, order_id=5)

    with db.reading() as session:
        assert events.latest_events(session, shop.id) == []
        refused = metrics.rejected_events(session, shop.id, clock.now().date())
    assert refused == {"reserved": 6}


def test_made_up_kinds_fill_a_share_of_the_list_and_are_counted_beyond(
    database: str, client: TestClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custom_metrics, "MAX_STOREFRONT_METRICS", 2)
    monkeypatch.setattr(custom_metrics, "MAX_METRICS", 3)
    for n in range(4):
        page_tells(client, n, f"Kind {n}")
    page_tells(client, 9, "Kind 1")
    with db.transaction() as session:
        by_api = [
            EventFact(ADA, name, f"{name}:1", NOW)
            for name in ("Kind 1", "Kind 7", "Kind 8", "Viewed Cart")
        ]
        taken = custom_metrics.accept_events(session, shop.id, by_api, "api", now=NOW)
        refused = metrics.rejected_events(session, shop.id, NOW.date())

    with db.reading() as session:
        names = [event.metric for event in events.latest_events(session, shop.id)]
    assert sorted(names) == ["Kind 0", "Kind 1", "Kind 1"]
    assert [did.metric for did in taken] == ["Kind 1", "Kind 7", "Viewed Cart"]
    assert sum(refused.values()) >= 1
