"""Tokens: what the app's server and its pages hold to speak for a shop."""

import jwt
import pytest

from devstore.admin.oauth import query_hmac, session_token

EXCHANGE = {
    "client_id": "client-id",
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    "requested_token_type": "urn:shopify:params:oauth:token-type:offline-access-token",
    "expiring": 1,
}
HOST = {"Host": "dewpoint.myshopify.com"}


@pytest.fixture
def exchange(shop, store, app):
    """Ask for tokens; `said` replaces valid parameters."""

    def ask(**said):
        asked = {
            **EXCHANGE,
            "client_secret": app.client_secret,
            "subject_token": session_token(store),
            **said,
        }
        return shop.post("/admin/oauth/access_token", json=asked, headers=HOST)

    return ask


def test_an_id_token_becomes_an_access_token_for_an_hour(exchange, store, clock, app):
    said = exchange().json()

    assert said["expires_in"] == 3600
    assert said["refresh_token_expires_in"] == 90 * 86_400
    assert said["scope"] == ",".join(app.scopes)
    assert store.admits(said["access_token"])
    clock.skip(seconds=3601)
    assert not store.admits(said["access_token"])


def test_a_stale_id_token_is_refused_in_shopifys_words(exchange, store):
    answer = exchange(subject_token=session_token(store, age_s=75))

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_subject_token"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"client_secret": "wrong"}, 401),
        ({"client_id": "another"}, 400),
        ({"subject_token": "nonsense"}, 400),
        ({"expiring": 0}, 400),
        ({"grant_type": "password"}, 400),
    ],
)
def test_everything_else_is_refused_too(exchange, said, status):
    assert exchange(**said).status_code == status


def test_a_shop_without_the_app_gives_no_tokens(exchange, store):
    store.uninstall()

    assert exchange().json()["error"] == "invalid_subject_token"


def test_an_old_refresh_token_works_until_the_new_token_is_used(exchange, store, app):
    def refresh(token):
        return exchange(grant_type="refresh_token", refresh_token=token)

    old = exchange().json()
    lost = refresh(old["refresh_token"]).json()
    new = refresh(old["refresh_token"]).json()
    assert not store.admits(lost["access_token"])

    assert store.admits(new["access_token"])
    assert refresh(old["refresh_token"]).json()["error"] == "invalid_grant"
    assert refresh(new["refresh_token"]).status_code == 200


def test_a_session_token_says_what_shopifys_says(store, app):
    token = session_token(store)
    said = jwt.decode(token, app.client_secret, algorithms=["HS256"], audience="client-id")

    assert said["dest"] == "https://dewpoint.myshopify.com"
    assert said["iss"] == "https://dewpoint.myshopify.com/admin"
    assert said["exp"] - said["iat"] == 60
    assert {"sub", "nbf", "jti", "sid"} <= set(said)


def test_the_query_hmac_is_the_one_that_shopifys_library_checks(app):
    shopify = pytest.importorskip("shopify")
    shopify.Session.setup(api_key="client-id", secret=app.client_secret)
    query = {"shop": "dewpoint.myshopify.com", "timestamp": "1795000000", "host": "YWRtaW4"}

    assert shopify.Session.calculate_hmac(query) == query_hmac(query, app.client_secret)


def test_an_unknown_shop_is_nobodys(shop):
    answer = shop.post("/admin/oauth/access_token", json={}, headers={"Host": "x.myshopify.com"})

    assert answer.status_code == 404
