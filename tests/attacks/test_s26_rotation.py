"""S26: while Shopify's client secret is rotated both are accepted on every route; then only the
new.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from admin_ui.app import routes as admin_routes
from devstore.admin.oauth import query_hmac, session_token
from devstore.shop.outbox import signature as webhook_signature
from devstore.storefront.proxy import signature as proxy_signature
from plugin.forms import library
from plugin.onboard import seed_library
from plugin.settings import get_settings
from storage import forms
from storage.engine import db
from storage.shops import shop_by_domain
from tests.plugin.shopify.box import Shopify
from tests.webhooks.test_shopify import BODY, headers
from webhooks.app import routes

DOMAIN = "dewpoint.myshopify.com"
NEW = "a test secret of Shopify's usual length"  # as the box has it
OLD, STRANGE = "the secret that we had before that one", "a secret that was never one of ours"


@contextmanager
def app(monkeypatch: pytest.MonkeyPatch, old: str) -> Iterator[TestClient]:
    """The whole app, started with these settings."""
    monkeypatch.setenv("REGULARS_SHOPIFY_OLD_CLIENT_SECRET", old)
    get_settings.cache_clear()
    made = Starlette(routes=[*routes(), *admin_routes()])
    with TestClient(made, follow_redirects=False, base_url="http://127.0.0.1:8000") as client:
        yield client


def webhook(client: TestClient, shopify: Shopify, secret: str) -> int:
    given = {**headers(), "X-Shopify-Hmac-Sha256": webhook_signature(BODY, secret)}
    return client.post("/webhooks/shopify", content=BODY, headers=given).status_code


def proxy(client: TestClient, shopify: Shopify, secret: str) -> int:
    with db.reading() as session:
        shop = shop_by_domain(session, DOMAIN)
        (form,) = forms.forms_of(session, shop.id)
    query = {"shop": DOMAIN, "timestamp": str(int(time.time())), "logged_in_customer_id": ""}
    signed = {**query, "signature": proxy_signature(query.items(), secret)}
    return client.get(f"/proxy/forms/{form.id}", params=signed).status_code


def token(shopify: Shopify, secret: str) -> str:
    claims = jwt.decode(session_token(shopify.store), options={"verify_signature": False})
    return jwt.encode(claims, secret, algorithm="HS256")


def document(client: TestClient, shopify: Shopify, secret: str) -> int:
    said = {"shop": DOMAIN, "id_token": token(shopify, secret)}
    return client.get("/settings", params=said).status_code


def bearer(client: TestClient, shopify: Shopify, secret: str) -> int:
    given = {"Authorization": f"Bearer {token(shopify, secret)}", "HX-Request": "true"}
    return client.get("/settings", headers=given).status_code


def first_visit(client: TestClient, shopify: Shopify, secret: str) -> int:
    said = {"shop": DOMAIN, "timestamp": str(int(time.time()))}
    signed = {**said, "hmac": query_hmac(said, secret)}
    return client.get("/auth", params=signed).status_code


def callback(client: TestClient, shopify: Shopify, secret: str) -> int:
    question = client.get("/auth", params={"shop": DOMAIN}).headers["Location"]
    with TestClient(shopify.app, follow_redirects=False, base_url="http://127.0.0.1") as admin:
        back = admin.post(question).headers["Location"]
    said = dict(parse_qsl(urlsplit(back).query))
    del said["hmac"]
    signed = {**said, "hmac": query_hmac(said, secret)}
    return client.get("/auth/callback", params=signed).status_code


DOORS: dict[str, tuple[Callable[[TestClient, Shopify, str], int], int, int]] = {
    "webhook": (webhook, 200, 401),
    "app proxy": (proxy, 200, 401),
    "document": (document, 200, 302),
    "bearer": (bearer, 200, 401),
    "a signed first visit": (first_visit, 302, 403),
    "OAuth callback": (callback, 302, 403),
}


@pytest.mark.parametrize("door_name", DOORS)
def test_s26_both_secrets_count_until_the_old_one_is_taken_away(
    shop, shopify, monkeypatch, door_name
):
    seed_library(shop.id)
    with db.reading() as session:
        (form,) = forms.forms_of(session, shop.id)
    library.set_status(shop.id, form.id, True)
    knock, let_in, sent_away = DOORS[door_name]

    with app(monkeypatch, OLD) as client:
        during = [knock(client, shopify, secret) for secret in (NEW, OLD, STRANGE)]
    with app(monkeypatch, "") as client:
        after = [knock(client, shopify, secret) for secret in (NEW, OLD, STRANGE)]

    assert during == [let_in, let_in, sent_away]
    assert after == [let_in, sent_away, sent_away]
