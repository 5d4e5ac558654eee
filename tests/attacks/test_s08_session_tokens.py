"""S08: session tokens that are not Shopify's, not ours or not in time."""

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest

from plugin.errors import RegularsError
from plugin.settings import get_settings
from plugin.shopify.api.session_token import verify_session_token
from tests.plugin.shopify.box import Shopify

SECRET, OLD = "a new secret of Shopify's usual length", "an old secret of Shopify's usual length"
DOMAIN = "dewpoint.myshopify.com"


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("REGULARS_SHOPIFY_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("REGULARS_SHOPIFY_OLD_CLIENT_SECRET", OLD)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def token(
    secret: str = SECRET, algorithm: str = "HS256", headers: Any = None, **changed: Any
) -> str:
    now = int(time.time())
    claims = {
        "iss": f"https://{DOMAIN}/admin",
        "dest": f"https://{DOMAIN}",
        "aud": "test-client-id",
        "sub": "42",
        "exp": now + 60,
        "nbf": now,
        "iat": now,
        "jti": "a-jti",
        "sid": "a-sid",
    }
    claims |= changed
    claims = {name: value for name, value in claims.items() if value is not None}
    if not isinstance(claims.get("iss", ""), str):  # PyJWT does not even write such a token
        return by_hand(claims)
    return jwt.encode(claims, secret, algorithm=algorithm, headers=headers)


def by_hand(claims: object) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    head = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mark = base64.urlsafe_b64encode(hmac.digest(SECRET.encode(), head, "sha256")).rstrip(b"=")
    return (head + b"." + mark).decode()


def for_shop(domain: str) -> dict[str, str]:
    return {"iss": f"https://{domain}/admin", "dest": f"https://{domain}"}


def unsigned(claims: object, **header: object) -> str:
    parts = ({"alg": "none", "typ": "JWT", **header}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode() for p in parts) + "."


def soon(seconds: int) -> int:
    return int(time.time()) + seconds


def nested(depth: int) -> object:
    return [] if depth == 0 else [nested(depth - 1)]


BAD = {
    "empty": lambda: "",
    "garbage": lambda: "garbage",
    "dots": lambda: "..",
    "three parts of nothing": lambda: "a.b.c",
    "not ascii": lambda: "é.ü.ß",
    "half a surrogate": lambda: "\ud800.a.b",
    "null bytes": lambda: "\0.\0.\0",
    "a megabyte": lambda: "a" * 1_000_000,
    "a header of nested lists": lambda: (
        base64.urlsafe_b64encode(b"[" * 2_900).decode() + ".e30.AAAA"
    ),
    "alg none": lambda: unsigned({**for_shop(DOMAIN), "aud": "test-client-id"}),
    "alg none in capitals": lambda: unsigned({**for_shop(DOMAIN)}, alg="NONE"),
    "HS512": lambda: token(SECRET * 2, "HS512"),
    "HS512 with our secret": lambda: token(SECRET + "x" * 64, "HS512"),
    "another app's secret": lambda: token("the secret of quite another app of theirs"),
    "a kid that is a path": lambda: token("x" * 32, headers={"kid": "../../dev/null"}),
    "a jku of theirs": lambda: token("x" * 32, headers={"jku": "https://evil.example/keys"}),
    "no exp": lambda: token(exp=None),
    "no nbf": lambda: token(nbf=None),
    "no sub": lambda: token(sub=None),
    "no iss": lambda: token(iss=None),
    "no dest": lambda: token(dest=None),
    "no jti": lambda: token(jti=None),
    "no sid": lambda: token(sid=None),
    "over for 11 seconds": lambda: token(exp=soon(-11)),
    "begins in 15 seconds": lambda: token(nbf=soon(15)),
    "exp is no number": lambda: token(exp="tomorrow"),
    "exp is true": lambda: token(exp=True),
    "no aud": lambda: token(aud=None),
    "another app's aud": lambda: token(aud="another-client-id"),
    "dest is another shop": lambda: token(dest="https://another.myshopify.com"),
    "iss is another shop": lambda: token(iss="https://another.myshopify.com/admin"),
    "no shop of Shopify's": lambda: token(**for_shop("dewpoint.example")),
    "Shopify's name in front": lambda: token(**for_shop("dewpoint.myshopify.com.evil.example")),
    "a shop in the user part": lambda: token(**for_shop("dewpoint.myshopify.com@evil.example")),
    "a port": lambda: token(**for_shop("dewpoint.myshopify.com:8443")),
    "plain http": lambda: token(iss=f"http://{DOMAIN}/admin", dest=f"http://{DOMAIN}"),
    "a path behind dest": lambda: token(dest=f"https://{DOMAIN}/x"),
    "a shop of one letter": lambda: token(**for_shop("a.myshopify.com")),
    "a shop with a Kelvin sign": lambda: token(**for_shop("\u212aiosk.myshopify.com")),
    "dest is a list": lambda: token(dest=[f"https://{DOMAIN}"]),
    "dest is a number": lambda: token(dest=7),
    "iss is a number": lambda: token(iss=7),
    "claims that are a list": lambda: by_hand([1]),
    "claims that are nested beyond reason": lambda: by_hand(nested(900)),
    "a bracket that does not close": lambda: token(**for_shop("[dewpoint")),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_s08_a_bad_session_token_is_always_a_401(name: str) -> None:
    bad = BAD[name]()

    with pytest.raises(RegularsError) as error:
        verify_session_token(bad)

    assert error.value.status == 401


GOOD = {
    "fresh": lambda: token(),
    "over for 5 seconds": lambda: token(exp=soon(-5)),
    "begins in 8 seconds": lambda: token(nbf=soon(8)),
    "signed with the old secret": lambda: token(OLD),
    "an unknown kid": lambda: token(headers={"kid": "7"}),
}


@pytest.mark.parametrize("name", GOOD)
def test_s08_a_good_session_token_says_who_it_is(name: str) -> None:
    assert verify_session_token(GOOD[name]()) == (DOMAIN, "42")


def test_s08_the_dev_stores_token_is_valid_at_any_time_of_the_demo_clock(
    shopify: Shopify, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "clock").write_text("86400")
    monkeypatch.setenv("REGULARS_CLOCK_FILE", str(tmp_path / "clock"))

    assert verify_session_token(shopify.id_token()).domain == DOMAIN
