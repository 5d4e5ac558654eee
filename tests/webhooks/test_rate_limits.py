"""Rate limits of requests without a login: by client IP and by shop, in any minute."""

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin.settings import get_settings
from storage import profiles
from storage.engine import db
from tests.webhooks.test_storefront import GOOD, signed
from webhooks import rate_limits
from webhooks.app import routes
from webhooks.rate_limits import Limit


@pytest.fixture
def minute(monkeypatch):
    """A clock for the limits, at the beginning of a minute."""

    class At:
        now = 6_000.0

    monkeypatch.setattr(rate_limits.time, "monotonic", lambda: At.now)
    return At


def test_o11_a_key_comes_so_often_in_any_minute(minute):
    limit = Limit()

    assert [limit.admits(("one", 3)) for _ in range(5)] == [True] * 3 + [False] * 2
    assert limit.admits(("other", 3))
    minute.now += 60 + 15  # a quarter of the next minute: three quarters of the last still count
    assert [limit.admits(("one", 3)) for _ in range(2)] == [True, False]
    minute.now += 120
    assert [limit.admits(("one", 3)) for _ in range(4)] == [True] * 3 + [False]


def test_o11_who_is_refused_under_one_key_is_counted_under_none(minute):
    limit = Limit()

    assert [limit.admits(("wide", 3), ("narrow", 1)) for _ in range(9)] == [True] + [False] * 8
    assert [limit.admits(("wide", 3)) for _ in range(3)] == [True, True, False]


def test_o11_no_number_of_keys_fills_the_memory_or_is_counted_as_one(minute, monkeypatch):
    monkeypatch.setattr(rate_limits, "MAX_KEYS", 100)
    limit = Limit()

    assert limit.admits(("often here", 3))
    for key in range(10_000):
        assert limit.admits((key, 5))
        if key in (50, 100):
            assert limit.admits(("often here", 3))
    assert len(limit._now) == 100
    assert limit.admits((0, 1))  # forgotten long ago
    assert not limit.admits((9_999, 1))


@pytest.fixture
def strict(monkeypatch):
    monkeypatch.setenv("REGULARS_ANSWERS_PER_MINUTE", "3")
    monkeypatch.setenv("REGULARS_ANSWERS_PER_MINUTE_OF_SHOP", "5")
    monkeypatch.setenv("REGULARS_HINTS_PER_MINUTE", "4")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def client(strict, form_id):
    with TestClient(Starlette(routes=routes()), client=("127.0.0.1", 50_000)) as client:
        yield client


def answer(client, form_id, number, address):
    url = signed(f"/proxy/forms/{form_id}/submit")
    body = {**GOOD, "email": f"p{number}@example.com", "browser_id": f"b-{number}"}
    return client.post(url, json=body, headers={"X-Forwarded-For": f"{address}, 23.227.38.65"})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_s12_one_address_answers_so_often_and_no_lie_about_it_helps(client, form_id, shop):
    statuses = [answer(client, form_id, n, "203.0.113.9").status_code for n in range(4)]
    lied = [answer(client, form_id, 10 + n, f"6.6.6.{n}, 203.0.113.9") for n in range(2)]
    others = [answer(client, form_id, 20 + n, f"198.51.100.{n}") for n in range(3)]

    assert statuses == [200, 200, 200, 429]
    assert [each.status_code for each in lied] == [429, 429]
    assert [each.status_code for each in others] == [200, 200, 429]  # the shop's own limit
    assert lied[0].headers["Retry-After"] == "60"
    assert "try again in a minute" in lied[0].json()["errors"][""]
    with db.reading() as session:
        assert profiles.count_profiles(session, shop.id) == 5


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_s12_views_and_browser_events_have_their_limit(client, form_id):
    view = signed(f"/proxy/forms/{form_id}/view")
    batch = {"shop": "dewpoint.myshopify.com", "events": []}

    def view_from(address):
        return client.post(view, json={}, headers={"X-Forwarded-For": f"{address}, 23.227.38.65"})

    assert [view_from("203.0.113.9").status_code for _ in range(5)] == [204] * 4 + [429]
    assert view_from("203.0.113.10").status_code == 204
    events = [
        client.post("/pixel", json=batch, headers={"X-Forwarded-For": "203.0.113.11"})
        for _ in range(5)
    ]
    assert [each.status_code for each in events] == [204] * 4 + [429]
    assert events[-1].headers["Access-Control-Allow-Origin"] == "*"
