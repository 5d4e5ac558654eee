"""The app proxy: signed by the shop, without cookies, with the shopper's address."""

import hashlib
import hmac

import httpx2
import pytest

from devstore.storefront.proxy import signature


@pytest.fixture
def behind(shop):
    """What the app behind the proxy gets; it answers 201."""
    came = []

    def answer(request):
        came.append(request)
        return httpx2.Response(201, json={"ok": True}, headers={"Set-Cookie": "a=b"})

    shop.app.state.client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    return came


def test_the_signature_joins_sorted_pairs_with_nothing_between():
    query = [("shop", "a.myshopify.com"), ("x", "1"), ("x", "2"), ("signature", "old")]
    text = b"shop=a.myshopify.comx=1,2"

    assert signature(query, "secret") == hmac.new(b"secret", text, hashlib.sha256).hexdigest()


def test_a_post_goes_on_signed_and_without_cookies(shop, behind, app):
    shop.cookies.set("cart", "secret-cart")
    said = shop.post(
        "/apps/regulars/forms/f1/submit?locale=en",
        json={"email": "mia@example.com"},
        headers={"X-Forwarded-For": "203.0.113.9"},
    )

    assert said.status_code == 201
    assert "set-cookie" not in said.headers
    request = behind[0]
    assert request.url.path == "/proxy/forms/f1/submit"
    assert "cookie" not in request.headers
    assert request.headers["x-forwarded-for"].startswith("203.0.113.9, ")
    assert request.content == b'{"email":"mia@example.com"}'
    query = request.url.params.multi_items()
    assert dict(query)["signature"] == signature(query, app.client_secret)
    assert dict(query)["path_prefix"] == "/apps/regulars"
    assert dict(query)["logged_in_customer_id"] == ""


def test_a_customer_who_is_logged_in_is_named(shop, behind, store):
    shop.post("/account/login", data={"email": "mia@example.com"})
    shop.get("/apps/regulars/forms/f1")

    known = store.customer("mia@example.com")["id"]
    assert behind[0].url.params["logged_in_customer_id"] == str(known)


def test_a_dead_app_is_a_page_not_a_crash(shop):
    def answer(request):
        raise httpx2.ConnectError("nobody there")

    shop.app.state.client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))

    assert shop.get("/apps/regulars/forms/f1").status_code == 502


def test_other_paths_and_other_shops_are_not_forwarded(shop, behind, store):
    assert shop.get("/apps/other/x").status_code == 404
    store.uninstall()
    assert shop.get("/apps/regulars/x").status_code == 404
    assert behind == []
