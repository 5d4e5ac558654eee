"""The web app's frame: health, errors without details, headers, a body limit."""

import dramatiq
import pytest
from dramatiq.brokers.redis import RedisBroker
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from plugin.errors import RegularsError
from plugin.runtime import web
from plugin.runtime.web import build_app
from storage.engine import db


async def refused(request):
    raise RegularsError("This shop is closed.", 409)


async def broken(request):
    raise ValueError("mia@example.com")


async def framed(request):
    return PlainTextResponse("", headers={"Content-Security-Policy": "frame-ancestors https://a"})


async def size(request):
    return JSONResponse(len(await request.body()))


@pytest.fixture
def client():
    routes = [
        Route("/refused", refused),
        Route("/broken", broken),
        Route("/framed", framed),
        Route("/size", size, methods=["POST"]),
    ]
    return TestClient(build_app(routes, https=True), raise_server_exceptions=False)


@pytest.fixture
def no_broker():
    broker = RedisBroker(url="redis://127.0.0.1:1")
    dramatiq.set_broker(broker)
    yield
    broker.client.close()


def test_o01_health_asks_no_other_service(client):
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_o01_unready_without_a_broker(client, database, no_broker):
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unready",
        "database": True,
        "broker": False,
        "migrations": True,
        "mail": False,
        "webhooks": True,
    }


def test_o01_a_missing_relay_is_told_and_makes_nothing_unready(client, database, monkeypatch):
    monkeypatch.setattr(web, "broker_answers", lambda broker: True)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["mail"]) == (200, False)


def test_o01_readiness_knows_of_a_relay(client, database, monkeypatch, relay):
    monkeypatch.setattr(web, "broker_answers", lambda broker: True)

    assert client.get("/readyz").json()["mail"] is True


def test_o01_unready_without_a_database(client, no_broker):
    db.disconnect()

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["database"] is answer.json()["migrations"] is False


def test_an_answer_about_readiness_counts_for_a_second(client, monkeypatch):
    asked = []

    def takes_writes():
        asked.append(1)
        return len(asked) == 1

    monkeypatch.setattr(web.schema, "takes_writes", takes_writes)
    monkeypatch.setattr(web.schema, "is_current", lambda: True)
    monkeypatch.setattr(web, "broker_answers", lambda broker: True)

    assert {client.get("/readyz").status_code for _ in range(20)} == {200}
    assert len(asked) == 1
    later = web.time.monotonic() + web.READINESS_CACHE_S + 0.1
    monkeypatch.setattr(web.time, "monotonic", lambda: later)
    assert client.get("/readyz").status_code == 503


def test_an_expected_error_is_its_sentence_and_any_other_says_nothing(client):
    known, unknown = client.get("/refused"), client.get("/broken")

    assert (known.status_code, known.text) == (409, "This shop is closed.")
    assert (unknown.status_code, unknown.text) == (500, "Something went wrong on our side.")


def test_every_answer_carries_the_headers_unless_it_says_so_itself(client):
    for path in ("/healthz", "/refused", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "frame-ancestors 'none'"
        assert "max-age" in headers["strict-transport-security"]
    framed = client.get("/framed").headers
    assert framed["content-security-policy"] == "frame-ancestors https://a"


@pytest.mark.parametrize("address", ["/readyz%00", "/healthz?as=a%00b"])
def test_s02_an_address_with_a_nul_is_refused_in_a_sentence(client, address):
    answer = client.get(address)

    assert (answer.status_code, answer.text) == (400, "An address has no such character.")


def test_a_body_over_a_megabyte_is_not_read(client):
    assert client.post("/size", content=b"x" * 1_000_000).json() == 1_000_000
    assert client.post("/size", content=b"x" * 1_000_001).status_code == 413
