"""Requests that Shopify's own library signs, to our real server; and our dev store's, to it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import dramatiq
import httpx2
import pytest
from dramatiq.brokers.stub import StubBroker
from starlette.testclient import TestClient

from devstore.admin import oauth
from devstore.serve import build
from devstore.shop.app import App
from devstore.shop.store import Store
from plugin import onboard
from plugin.forms import library
from storage import forms
from storage.engine import db
from storage.shops import add_shop
from tests.conformance.tools import ROOT, Tools
from tests.conftest import NOW, SETTINGS
from tests.sizes import PATIENCE

CLIENT_ID, SECRET = "test-client-id", "a client secret of 32 bytes for tests"
STARTS_WITHIN_S = 90  # two seconds, but for machines that are busy with other tests


@pytest.fixture(scope="module")
def server(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Run `uvicorn regulars:app` over SQLite, with a shop and a live form, without workers."""
    folder = tmp_path_factory.mktemp("data")
    for file in sqlite_template.iterdir():
        shutil.copy(file, folder)
    form_id = _seed_library(folder)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = {
            **SETTINGS,
            "REGULARS_DATA_DIR": str(folder),
            "REGULARS_BROKER_URL": "redis://127.0.0.1:1",
            "REGULARS_URL": url,
        }
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", "regulars:app", "--fd", str(listener.fileno())],
                cwd=ROOT, env=os.environ | settings, pass_fds=[listener.fileno()],
                stdout=log, stderr=log,
            )  # fmt: skip
    try:  # the socket is the server's alone now: once it is gone, no client waits for an answer
        _wait(url, process, folder / "server.log")
        yield {"url": url, "proxy": f"/proxy/forms/{form_id}"}
    finally:
        process.terminate()
        process.wait(timeout=20 * PATIENCE)


@pytest.fixture(scope="module")
def answers(tools: Tools, server: dict[str, str]) -> dict[str, Any]:
    """How our server answered Shopify's library, by what was asked."""
    found: dict[str, Any] = tools.script(
        "signed",
        {
            **server,
            "store": "dewpoint",
            "apiKey": CLIENT_ID,
            "apiSecretKey": SECRET,
            "page": "/",
            "webhook": "/webhooks/shopify",
        },
    )
    return found


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("webhook", 200),
        ("webhook again", 200),
        ("webhook, wrong secret", 401),
        ("webhook, no signature", 401),
        ("webhook, another body", 401),
        ("proxy", 200),
        ("proxy, wrong secret", 401),
        ("proxy, a parameter more", 401),
        ("proxy, not signed", 401),
        ("document", 200),
        ("document, wrong secret", 302),
        ("document, stale", 302),
        ("document, no token", 302),
        # Shopify's helper leaves https: out of the issuer. Shopify's Python library refuses that.
        ("document, as the helper has it", 302),
        ("fetch", 200),
        ("fetch, wrong secret", 401),
        ("fetch, another app", 401),
        ("fetch, another shop as issuer", 401),
    ],
)
def test_what_shopify_signs_is_let_in_and_nothing_else(answers, asked, status):
    assert answers[asked]["status"] == status


def test_a_document_may_be_framed_by_its_own_shop_and_shopifys_admin_alone(answers):
    rules = answers["document"]["headers"]["content-security-policy"]
    (framed,) = (rule for rule in rules.split("; ") if rule.startswith("frame-ancestors "))

    assert framed.split()[1:] == ["https://dewpoint.myshopify.com", "https://admin.shopify.com"]


def test_a_document_without_a_good_token_is_sent_to_fetch_one(answers):
    to = urlsplit(answers["document, stale"]["headers"]["location"])

    assert to.path == "/auth/patch-id-token"
    back = dict(parse_qsl(to.query))["shopify-reload"]
    assert urlsplit(back).path == "/"
    assert "id_token" not in to.query + back


def test_a_fetch_with_a_bad_token_is_asked_to_try_once_more(answers):
    asked = answers["fetch, wrong secret"]["headers"]

    assert asked["x-shopify-retry-invalid-session-request"] == "1"


def test_shopifys_library_believes_what_the_dev_store_signs(tools):
    app = App.from_manifest(
        ROOT / "manifest.toml", client_id=CLIENT_ID, client_secret=SECRET, url="http://app.test"
    )
    store = Store(app=app)
    store.install()
    cart = store.add_to_cart(None, store.products()[0]["variants"][0]["id"])
    store.start_checkout(cart["token"], "zoë@example.com")
    deliveries = store.deliveries()
    believed = tools.script(
        "believed",
        {
            "apiKey": CLIENT_ID,
            "apiSecretKey": SECRET,
            "webhooks": [
                {"headers": each.headers, "body": each.body.decode()} for each in deliveries
            ],
            "proxy": _forwarded(store),
            "query": _framed(store),
            "token": oauth.session_token(store),
        },
    )
    store.close()

    assert deliveries
    assert [each["valid"] for each in believed["webhooks"]] == [True] * len(deliveries)
    assert {each["domain"] for each in believed["webhooks"]} == {store.domain}
    assert (believed["proxy"], believed["query"]) == (True, True)
    assert believed["token"]["dest"] == f"https://{store.domain}"


def _seed_library(folder: Path) -> int:
    """A shop as after its first visit, with its form live; the form's id."""
    dramatiq.set_broker(StubBroker(middleware=[]))
    for queue in ("digest", "advance", "send", "send_first", "refill", "sync"):
        dramatiq.get_broker().declare_queue(queue)
    db.connect(f"sqlite:///{folder / 'regulars.db'}")
    with db.transaction() as session:
        shop = add_shop(
            session, "dewpoint.myshopify.com", NOW, name="Dewpoint", access_token="shpat_test"
        )
    onboard.seed_library(shop.id)
    with db.reading() as session:
        (form,) = forms.forms_of(session, shop.id)
    library.set_status(shop.id, form.id, True)
    db.disconnect()
    return form.id


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    with httpx2.Client(trust_env=False) as client:
        while time.monotonic() < until and process.poll() is None:
            try:
                if client.get(f"{url}/healthz").is_success:
                    return
            except httpx2.HTTPError:
                time.sleep(0.05)
    process.kill()
    raise AssertionError(f"The server did not start: {log.read_text()[-2000:]}")


def _forwarded(store: Store) -> dict[str, str]:
    """The query with which the dev store's app proxy comes to the app."""
    came: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        came.append(request)
        return httpx2.Response(200, json={})

    with TestClient(build(store, deliver=False), base_url="http://127.0.0.1:8001") as shop:
        shop.app.state.client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
        shop.get("/apps/regulars/forms/1?locale=zh-CN&page=a+b%2Fc")
    return dict(came[0].url.params.multi_items())


def _framed(store: Store) -> dict[str, str]:
    """The query with which the dev store's admin opens the app's page."""
    assert store.app
    with TestClient(build(store, deliver=False), base_url="http://127.0.0.1:8001") as shop:
        said = shop.get(f"/admin/apps/{store.app.handle}/frame-url?path=/").json()
    return dict(parse_qsl(urlsplit(said["url"]).query))
