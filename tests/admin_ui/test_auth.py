"""Who may see a page: the token alone decides, a document gets another try, a fetch a 401."""

import base64
import json
import time

import jwt
import pytest

from plugin import clock
from storage import db
from storage.shops import get_shop
from tests.admin_ui.conftest import SECRET, session_token

HERE = "dewpoint.myshopify.com"


def unsigned(claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


def claims(**changed):
    return {**jwt.decode(session_token(HERE), options={"verify_signature": False}), **changed}


def with_header(**header):
    return jwt.encode(claims(), "another secret of the right length", "HS256", headers=header)


# S08
BAD = {
    "none at all": lambda: "",
    "no token": lambda: "not.a.token",
    "alg none": lambda: unsigned(claims()),
    "HS512": lambda: jwt.encode(claims(), SECRET * 2, "HS512"),
    "another secret": lambda: jwt.encode(claims(), "another secret of the right length", "HS256"),
    "kid points elsewhere": lambda: with_header(kid="../../../../dev/null"),
    "jku points elsewhere": lambda: with_header(jku="https://evil.example/keys"),
    "no exp": lambda: session_token(HERE, exp=None),
    "expired": lambda: session_token(HERE, exp=int(time.time()) - 60),
    "not yet": lambda: session_token(HERE, nbf=int(time.time()) + 60),
    "no nbf": lambda: session_token(HERE, nbf=None),
    "for another app": lambda: session_token(HERE, aud="another-app"),
    "dest is not iss": lambda: session_token(HERE, dest="https://other.myshopify.com"),
    "no dest": lambda: session_token(HERE, dest=None),
    "not a Shopify shop": lambda: session_token(
        "evil.example", dest="https://evil.example", iss="https://evil.example/admin"
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_fetch_with_a_bad_token_is_told_to_come_with_a_fresh_one(merchant, client, name):
    answer = client.get("/audience", headers={"Authorization": f"Bearer {BAD[name]()}"})

    assert answer.status_code == 401
    assert answer.headers["X-Shopify-Retry-Invalid-Session-Request"] == "1"


@pytest.mark.parametrize("name", BAD)
def test_a_document_with_a_bad_token_is_sent_to_fetch_a_fresh_one(merchant, client, name):
    answer = client.get(
        "/audience",
        params={"shop": HERE, "q": "maya & co", "id_token": BAD[name]()},
        follow_redirects=False,
    )

    assert answer.status_code == 302
    place = answer.headers["Location"]
    assert place.startswith("/auth/patch-id-token?shop=dewpoint.myshopify.com")
    assert "shopify-reload=%2Faudience%3Fshop%3Ddewpoint.myshopify.com%26q%3Dmaya" in place
    assert "id_token" not in place
    assert f"frame-ancestors https://{HERE} " in answer.headers["Content-Security-Policy"]


def test_the_page_that_fetches_a_token_is_app_bridge_and_a_word_to_the_stranded(client):
    answer = client.get("/auth/patch-id-token", params={"shop": HERE, "shopify-reload": "/flows"})

    assert answer.status_code == 200
    assert 'data-api-key="test-client-id"' in answer.text
    assert 'src="https://cdn.shopify.com/shopifycloud/app-bridge.js"' in answer.text
    assert "Regulars opens inside your Shopify admin" in answer.text


@pytest.mark.parametrize(
    "back",
    [
        "",
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",  # browsers drop tabs and line breaks
        "/\r\n/evil.example",
        "/flows\\..\\..",
    ],
)
def test_it_never_leads_away_from_us(client, back):
    assert client.get("/auth/patch-id-token", params={"shopify-reload": back}).status_code == 400


def test_the_shop_is_the_tokens_whatever_the_query_says(merchant, other):
    answer = other.client.get(
        "/settings",
        params={"shop": HERE, "id_token": session_token("other.myshopify.com")},
        follow_redirects=False,
    )

    # The other shop is installed without a catalog or flows of its own; nothing of HERE is shown.
    assert "hello@dewpoint.example" not in answer.text
    assert HERE not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/flows/1", "/forms/1", "/settings", "/settings/quarantine/an-id"]
)
def test_a_post_needs_a_bearer_even_with_a_good_token_in_its_address(merchant, client, path):
    """S28: no cookie, no token in the address can make a change."""
    answer = client.post(path, params={"id_token": session_token(HERE)}, data={"status": "live"})

    assert answer.status_code == 401


def test_no_page_sets_or_reads_a_cookie(merchant, pages):
    for path in pages():
        assert "set-cookie" not in merchant.open(path).headers


def test_a_token_replayed_after_the_uninstall_opens_nothing(merchant, shop):
    with db.transaction() as session:
        gone = get_shop(session, shop.id)
        gone.uninstalled_at = clock.now()
        session.add(gone)

    assert merchant.fetch("/audience").status_code == 401
    assert merchant.post("/settings", sender_name="Mallory").status_code == 401
