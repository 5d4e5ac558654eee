"""Our verifiers beside those of Shopify's Python package `shopifyapp`, on generated requests.

Where the two differ, we are the stricter or say so: each difference has a test of its own below.
"""

import base64
import hmac
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shopify_app import ShopifyApp

from plugin.errors import RegularsError
from plugin.settings import get_settings
from plugin.shopify.api.session_token import verify_session_token
from webhooks.signatures import is_shopify_webhook, proxy_params

CLIENT_ID, SHOP = "test-client-id", "dewpoint.myshopify.com"
NEW, OLD, WRONG = (f"{kind} client secret of the usual length" for kind in ("new", "old", "wrong"))
SECRETS = [NEW.encode(), OLD.encode()]
THEIRS = ShopifyApp(client_id=CLIENT_ID, client_secret=NEW, old_client_secret=OLD)
MANY = settings(max_examples=700, deadline=None, suppress_health_check=[HealthCheck.too_slow])

signers = st.sampled_from([NEW, NEW, OLD, WRONG])
bodies = st.one_of(st.text(max_size=200), st.just('{"id":1,"name":"Zoë"}'))


@pytest.fixture(autouse=True, scope="module")
def _secrets() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGULARS_SHOPIFY_CLIENT_SECRET", NEW)
        patch.setenv("REGULARS_SHOPIFY_OLD_CLIENT_SECRET", OLD)
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


# Webhooks: what was done to a good signature on its way.
BENT = {
    "nothing": lambda text: text,
    "lower case": str.lower,
    "no padding": lambda text: text.rstrip("="),
    "a blank behind": lambda text: text + " ",
    "twice": lambda text: text * 2,
    "hex": lambda text: base64.b64decode(text).hex(),
    "cut": lambda text: text[:-4],
    "url safe": lambda text: text.replace("+", "-").replace("/", "_"),
    "empty": lambda text: "",
}


def webhook(body: str, signature: str) -> tuple[bool, bool]:
    """Whether we and they believe a delivery."""
    theirs = THEIRS.verify_webhook_req(
        {
            "method": "POST",
            "url": "https://app.example/webhooks/shopify",
            "headers": {"X-Shopify-Hmac-Sha256": signature, "X-Shopify-Shop-Domain": SHOP},
            "body": body,
        }
    )
    return is_shopify_webhook(body.encode(), signature.encode(), SECRETS), theirs.ok


def signed(body: str, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body.encode(), "sha256")).decode()


@MANY
@given(
    body=bodies, sent=bodies, secret=signers, bent=st.sampled_from(sorted(BENT)), same=st.booleans()
)
def test_we_agree_on_webhooks(body: str, sent: str, secret: str, bent: str, same: bool) -> None:
    ours, theirs = webhook(body if same else sent, BENT[bent](signed(body, secret)))

    assert ours == theirs


# The app proxy: parameters as a storefront may send them, and what was done to the signed query.
names = st.sampled_from(["page", "locale", "q", "variant", "path_prefix", "logged_in_customer_id"])
values = st.text(max_size=12)
queries = st.lists(st.tuples(names, values), max_size=6)
ages = st.sampled_from([0, 0, 0, 30, 89, 95, 3600, -30, -95])
CHANGES = ("nothing", "nothing", "nothing", "one more", "another shop", "shop twice",
           "no timestamp", "no signature", "signature twice", "signature in capitals")  # fmt: skip


def proxied(pairs: list[tuple[str, str]]) -> tuple[bool, bool]:
    """Whether we and they believe a request through the app proxy."""
    query = urlencode(pairs)
    theirs = THEIRS.verify_app_proxy_req(
        {
            "method": "GET",
            "url": f"https://app.example/proxy/forms/1?{query}",
            "headers": {},
            "body": "",
        }
    )
    return proxy_params(query.encode(), SECRETS, time.time()) is not None, theirs.ok


def with_signature(pairs: list[tuple[str, str]], secret: str) -> list[tuple[str, str]]:
    joined: dict[str, list[str]] = {}
    for name, value in pairs:
        joined.setdefault(name, []).append(value)
    text = "".join(f"{name}={','.join(joined[name])}" for name in sorted(joined))
    return [*pairs, ("signature", hmac.digest(secret.encode(), text.encode(), "sha256").hex())]


def changed(pairs: list[tuple[str, str]], how: str) -> list[tuple[str, str]]:
    match how:
        case "one more":
            return [*pairs, ("b", "1")]
        case "another shop":
            return [(k, "other.myshopify.com" if k == "shop" else v) for k, v in pairs]
        case "shop twice":
            return [*pairs, ("shop", SHOP)]
        case "no timestamp":
            return [pair for pair in pairs if pair[0] != "timestamp"]
        case "no signature":
            return [pair for pair in pairs if pair[0] != "signature"]
        case "signature twice":
            return [*pairs, pairs[-1]]
        case "signature in capitals":
            return [(k, v.upper() if k == "signature" else v) for k, v in pairs]
    return pairs


@MANY
@given(query=queries, age=ages, secret=signers, how=st.sampled_from(CHANGES))
def test_we_agree_on_the_app_proxy(
    query: list[tuple[str, str]], age: int, secret: str, how: str
) -> None:
    pairs = [*query, ("shop", SHOP), ("timestamp", str(int(time.time()) - age))]
    ours, theirs = proxied(changed(with_signature(pairs, secret), how))

    assert ours == theirs


# Session tokens: claims as Shopify writes them, of which one or two are other or missing.
CLAIMS: dict[str, list[Any]] = {
    "aud": ["another-client-id", None],
    "exp": [-11, -9, 3600, None],
    "nbf": [11, 9, -3600, None],
    "iss": ["https://other.myshopify.com/admin", f"{SHOP}/admin", None],
    "dest": ["https://other.myshopify.com", "https://evil.example", None],
    "sub": [None],
    "jti": [None],
    "sid": [None],
}
one_change = st.sampled_from([(name, value) for name in CLAIMS for value in CLAIMS[name]])
WE_WANT_TOO = ("exp", "nbf", "sub", "jti", "sid")


@settings(MANY, max_examples=600)
@given(
    secret=signers,
    changes=st.lists(one_change, max_size=2),
    algorithm=st.sampled_from(["HS256"] * 4 + ["HS384"]),
)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_we_agree_on_session_tokens_but_for_claims_that_only_we_want(
    secret: str, changes: list[tuple[str, Any]], algorithm: str
) -> None:
    claims = token_claims() | dict(changes)
    for name in ("exp", "nbf"):
        if isinstance(claims[name], int) and abs(claims[name]) < 10_000:
            claims[name] += int(time.time())
    claims = {name: value for name, value in claims.items() if value is not None}
    token = jwt.encode(claims, secret, algorithm=algorithm)

    ours, theirs = believed(token)
    whole = all(name in claims for name in WE_WANT_TOO)
    of_one_shop = claims.get("iss") == f"{claims.get('dest')}/admin"
    of_shopify = claims.get("dest", "").endswith(".myshopify.com")

    assert ours == (theirs and whole and of_one_shop and of_shopify)


def token_claims() -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": f"https://{SHOP}/admin",
        "dest": f"https://{SHOP}",
        "aud": CLIENT_ID,
        "sub": "42",
        "exp": now + 60,
        "nbf": now,
        "iat": now,
        "jti": "a-jti",
        "sid": "a-sid",
    }


def believed(token: str) -> tuple[bool, bool]:
    """Whether we and they take a session token."""
    theirs = THEIRS.verify_admin_ui_ext_req(
        {
            "method": "GET",
            "url": "https://app.example/",
            "headers": {"Authorization": f"Bearer {token}"},
            "body": "",
        }
    )
    try:
        verify_session_token(token)
    except RegularsError:
        return False, theirs.ok
    return True, theirs.ok


def test_difference_a_missing_signature_is_401_not_their_400() -> None:
    theirs = THEIRS.verify_webhook_req({"method": "POST", "url": "/", "headers": {}, "body": "{}"})

    assert (theirs.ok, theirs.response.status) == (False, 400)
    assert not is_shopify_webhook(b"{}", b"", SECRETS)  # which webhooks/shopify.py answers by 401


def test_difference_a_non_ascii_signature_is_wrong_where_they_raise() -> None:
    with pytest.raises(TypeError):
        webhook("{}", "é")

    assert not is_shopify_webhook(b"{}", "é".encode(), SECRETS)


def test_difference_a_body_that_is_not_utf8_is_still_bytes_to_us() -> None:
    body = b"\xff\xfe"
    signature = base64.b64encode(hmac.digest(NEW.encode(), body, "sha256"))

    assert is_shopify_webhook(body, signature, SECRETS)  # they take text only


def test_the_spare_bits_of_base64_are_read_as_they_read_them() -> None:
    good = signed("{}", NEW)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = good[:-2] + last[last.index(good[-2]) + 1] + "="

    assert base64.b64decode(twin) == base64.b64decode(good)
    assert webhook("{}", twin) == (False, False)


def test_difference_whole_pairs_are_sorted_where_they_sort_names() -> None:
    """`a1=x` comes before `a=y`, for 1 is before =. No name of ours begins like another's."""
    pairs = [("a", "y"), ("a1", "x"), ("shop", SHOP), ("timestamp", str(int(time.time())))]

    assert proxied(with_signature(pairs, NEW)) == (False, True)


@pytest.mark.parametrize("stamp", [" {}", "+{}", "0_{}"])
def test_difference_a_timestamp_is_digits_where_they_take_any_number(stamp: str) -> None:
    pairs = [("shop", SHOP), ("timestamp", stamp.format(int(time.time())))]

    assert proxied(with_signature(pairs, NEW)) == (False, True)


def test_difference_no_shop_is_no_request_of_a_shops() -> None:
    pairs = [("timestamp", str(int(time.time())))]

    assert proxied(with_signature(pairs, NEW)) == (False, True)
