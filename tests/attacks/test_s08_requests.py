"""S08: only the token authenticates: without it a document gets another try, a fetch a 401."""

import base64
import json
import time

import jwt
import pytest

from plugin import clock
from storage.engine import db
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
def test_s08_a_fetch_with_a_bad_token_is_told_to_come_with_a_fresh_one(merchant, client, name):
    answer = client.get("/audience", headers={"Authorization": f"Bearer {BAD[name]()}"})

    assert answer.status_code == 401
    assert answer.headers["X-Shopify-Retry-Invalid-Session-Request"] == "1"


@pytest.mark.parametrize("name", BAD)
def test_s08_a_document_with_a_bad_token_is_sent_to_fetch_a_fresh_one(merchant, client, name):
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


def test_s08_the_shop_is_the_tokens_whatever_the_query_says(merchant, other):
    answer = other.client.get(
        "/settings",
        params={"shop": HERE, "id_token": session_token("other.myshopify.com")},
        follow_redirects=False,
    )

    # The other shop is installed without a catalog or flows of its own; nothing of HERE is shown.
    assert "hello@dewpoint.example" not in answer.text
    assert HERE not in answer.headers["Content-Security-Policy"]


def test_s08_a_token_replayed_after_the_uninstall_opens_nothing(merchant, shop):
    with db.transaction() as session:
        gone = get_shop(session, shop.id)
        gone.uninstalled_at = clock.now()
        session.add(gone)

    assert merchant.fetch("/audience").status_code == 401
    assert merchant.post("/settings", sender_name="Mallory").status_code == 401
