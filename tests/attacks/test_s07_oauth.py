"""S07: the authorization code grant refuses what is not Shopify's, or not for this browser.

Refused: 400 or 403, no call to Shopify, nothing stored, no redirect.
"""

import re
import time
from collections.abc import Generator
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from starlette.testclient import TestClient

from admin_ui.app import routes
from devstore.admin.oauth import query_hmac
from plugin import clock
from plugin.manifest import load_manifest
from plugin.runtime.web import build_app
from plugin.settings import get_settings
from plugin.shopify.api import access_tokens
from storage import shops
from storage.engine import db
from tests.plugin.shopify.box import Shopify

DOMAIN = "dewpoint.myshopify.com"
SECRET = "a test secret of Shopify's usual length"  # as the box has it


@pytest.fixture
def browser(sqlite: str, broker: object, shopify: Shopify) -> Generator[TestClient]:
    """A browser on our pages; the store is unknown to us."""
    shopify.store.uninstall()
    shopify.seen.clear()
    app = build_app(routes(), https=False)
    with TestClient(app, follow_redirects=False, base_url="http://127.0.0.1:8000") as client:
        yield client


def merchant_says_yes(shopify: Shopify, address: str) -> str:
    """Return the URL that Shopify redirects the merchant back to."""
    with TestClient(shopify.app, follow_redirects=False, base_url="http://127.0.0.1") as admin:
        return admin.post(address).headers["Location"]


def begun(browser: TestClient) -> str:
    """The address of Shopify's question; the browser has the cookie now."""
    answer = browser.get("/auth", params={"shop": DOMAIN})
    assert answer.status_code == 302
    return answer.headers["Location"]


def signed(**said: str) -> dict[str, str]:
    """A query of Shopify's, as of now."""
    query = {"shop": DOMAIN, "timestamp": str(int(time.time())), **said}
    query = {name: value for name, value in query.items() if value is not None}
    return {**query, "hmac": query_hmac(query, SECRET)}


def nobody() -> bool:
    with db.reading() as session:
        return shops.shop_by_domain(session, DOMAIN) is None


def test_s07_the_merchant_is_asked_says_yes_and_has_the_app(browser, shopify, broker):
    question = begun(browser)
    asked = {name: each[0] for name, each in parse_qs(urlsplit(question).query).items()}
    assert urlsplit(question).path == "/admin/oauth/authorize"
    assert asked["client_id"] == "test-client-id"
    assert asked["scope"].split(",") == load_manifest()["scopes"]
    assert asked["redirect_uri"] == "http://127.0.0.1:8000/auth/callback"
    assert re.fullmatch("[0-9a-f]{32}", asked["state"])  # what every library signs alike

    answer = browser.get(merchant_says_yes(shopify, question))

    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("/admin/apps/test-client-id")
    assert browser.cookies.get("regulars_state") is None
    with db.reading() as session:
        shop = shops.shop_by_domain(session, DOMAIN)
    assert shopify.store.admits(shop.access_token)
    assert shop.token_expires_at > clock.now()
    assert shop.refresh_token
    assert shop.name == "Dewpoint"
    assert broker.queues["sync"].qsize() == 1


def test_s07_the_cookie_goes_to_this_door_alone_and_to_no_script(browser, monkeypatch):
    cookie = browser.get("/auth", params={"shop": DOMAIN}).headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/auth" in cookie
    assert "Secure" not in cookie
    monkeypatch.setenv("REGULARS_URL", "https://regulars.example")
    get_settings.cache_clear()
    assert "Secure" in browser.get("/auth", params={"shop": DOMAIN}).headers["Set-Cookie"]


NO_SHOPS = [
    "", " ", "evil.com", "dewpoint.myshopify.com.evil.com", "dewpoint.myshopify.com@evil.com",
    "evil.com/dewpoint.myshopify.com", "evil.com#dewpoint.myshopify.com",
    "evil.com?x=dewpoint.myshopify.com", "dewpoint.myshopify.com:8443", "dew point",
    "a.b.myshopify.com", "-dewpoint.myshopify.com", "dewpoint.myshopify.com\n.evil.com",
    "dewpoint.myshopify.com\r\nSet-Cookie: a=b", "dewpoint.myshopify.com\x00",
    "dewpoınt.myshopify.com", "\u212aiosk.myshopify.com", "ｄewpoint.myshopify.com",
    "xn--dewpint-5wa.evil", "//evil.com", "https://evil.com", "javascript:alert(1)",
    "[::1]", "127.0.0.1", "169.254.169.254", "d" * 300, "http://[dewpoint.myshopify.com",
    "evil.com\\.myshopify.com", "dewpoint.myshopify.com.", "*.myshopify.com",
]  # fmt: skip


@pytest.mark.parametrize("shop", NO_SHOPS, ids=ascii)
def test_s07_a_domain_that_is_no_store_gets_no_redirect(browser, shopify, shop):
    answer = browser.get("/auth", params={"shop": shop})

    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers
    assert "location" not in answer.headers
    given = signed(shop=shop, code="c", state="0" * 32)
    assert browser.get("/auth/callback", params=given).status_code in (400, 403)
    assert shopify.seen == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        (f"shop={DOMAIN}&shop=evil.com", 400),
        (f"shop={DOMAIN}&shop={DOMAIN}", 400),
        (f"shop={DOMAIN}&hmac=", 403),
        (f"shop={DOMAIN}&hmac=abc&timestamp=1", 403),
        (f"shop={DOMAIN}&hmac=%FF&timestamp=abc", 403),
        (f"shop={DOMAIN}&x=" + "y" * 5_000, 400),
        (urlencode(signed(timestamp=str(int(time.time()) - 3_600))), 403),
    ],
)
def test_s07_an_odd_beginning_is_refused(browser, query, status):
    answer = browser.get(f"/auth?{query}")

    assert answer.status_code == status
    assert "location" not in answer.headers


def test_s07_whatever_else_stands_in_the_query_leads_nowhere_else(browser):
    extra = {"redirect_uri": "https://evil.com", "return_to": "//evil.com", "next": "https://evil"}

    question = browser.get("/auth", params={"shop": DOMAIN, **extra}).headers["Location"]

    assert question.startswith(f"{get_settings().shopify_origin}/admin/oauth/authorize?")
    assert "evil" not in question


def altered(query: dict[str, str], **changes: str | None) -> dict[str, str]:
    """The same, signed anew by Shopify."""
    said = {**query, **changes}
    said.pop("hmac")
    said = {name: value for name, value in said.items() if value is not None}
    return {**said, "hmac": query_hmac(said, SECRET)}


WRONG = {
    "another state": lambda q: altered(q, state="f" * 32),
    "no state": lambda q: altered(q, state=None),
    "an empty state": lambda q: altered(q, state=""),
    "a state of another alphabet": lambda q: altered(q, state="n/o&n=ce"),
    "no code": lambda q: altered(q, code=None),
    "a code with a line break": lambda q: altered(q, code="a\r\nb"),
    "an endless code": lambda q: altered(q, code="c" * 300),
    "another shop": lambda q: altered(q, shop="another.myshopify.com"),
    "a shop elsewhere": lambda q: altered(q, shop="dewpoint.myshopify.com.evil.com"),
    "the shop in capitals": lambda q: altered(q, shop="Dewpoint.myshopify.com"),
    "no shop": lambda q: altered(q, shop=None),
    "six minutes old": lambda q: altered(q, timestamp=str(int(time.time()) - 360)),
    "in six minutes": lambda q: altered(q, timestamp=str(int(time.time()) + 360)),
    "no timestamp": lambda q: altered(q, timestamp=None),
    "a timestamp that is none": lambda q: altered(q, timestamp="abc"),
    "a timestamp below zero": lambda q: altered(q, timestamp="-1"),
    "a timestamp with a fraction": lambda q: altered(q, timestamp=f"{time.time()}"),
    "a timestamp in other digits": lambda q: altered(q, timestamp="١٧٩٥٠٠٠٠٠٠"),
    "a timestamp of 400 digits": lambda q: altered(q, timestamp="9" * 400),
    "no hmac": lambda q: {k: v for k, v in q.items() if k != "hmac"},
    "an empty hmac": lambda q: {**q, "hmac": ""},
    "an hmac that is not ascii": lambda q: {**q, "hmac": "é" * 64},
    "another secret's hmac": lambda q: {**q, "hmac": query_hmac(q, "another secret")},
    "the hmac of another code": lambda q: {**q, "code": "c0de"},
    "a parameter more": lambda q: {**q, "extra": "1"},
    "nothing": lambda _: {},
}


@pytest.mark.parametrize("name", WRONG)
def test_s07_a_callback_that_is_not_as_shopify_sends_it_is_refused(browser, shopify, name):
    back = merchant_says_yes(shopify, begun(browser))
    query = WRONG[name](dict(parse_qsl(urlsplit(back).query)))
    shopify.seen.clear()

    answer = browser.get("/auth/callback", params=query)

    assert answer.status_code in (400, 403)
    assert "location" not in answer.headers
    assert shopify.seen == []
    assert nobody()


def test_s07_a_parameter_that_stands_twice_is_refused(browser, shopify):
    back = merchant_says_yes(shopify, begun(browser))
    shopify.seen.clear()

    for more in ("shop=another.myshopify.com", "code=c0de", "state=" + "0" * 32):
        assert browser.get(f"{back}&{more}").status_code == 400
    assert shopify.seen == []


@pytest.mark.parametrize(
    "cookie",
    ["", "1.2", "a" * 64, "1795000000." + "0" * 64, "9" * 12 + "." + "0" * 64, "é", ";", "1." * 99],
)
def test_s07_another_browser_is_refused(browser, shopify, cookie):
    back = merchant_says_yes(shopify, begun(browser))
    shopify.seen.clear()
    browser.cookies.clear()
    headers = {"Cookie": f"regulars_state={cookie}".encode()} if cookie else {}

    assert browser.get(back, headers=headers).status_code == 403
    assert shopify.seen == []
    assert nobody()


def test_s07_a_cookie_for_one_question_does_not_answer_another(browser, shopify):
    first = merchant_says_yes(shopify, begun(browser))
    begun(browser)

    assert browser.get(first).status_code == 403


def test_s07_a_state_is_good_once(browser, shopify):
    question = begun(browser)
    cookie = browser.cookies["regulars_state"]
    assert browser.get(merchant_says_yes(shopify, question)).status_code == 302
    again = merchant_says_yes(shopify, question)  # a fresh code, signed anew, for the same state
    shopify.seen.clear()

    answer = browser.get(again, headers={"Cookie": f"regulars_state={cookie}"})

    assert answer.status_code == 403
    assert shopify.seen == []


def test_s07_tokens_that_are_refreshed_meanwhile_do_not_void_the_merchants_yes(browser, shopify):
    browser.get(merchant_says_yes(shopify, begun(browser)))
    back = merchant_says_yes(shopify, begun(browser))
    with db.reading() as session:
        shop = shops.shop_by_domain(session, DOMAIN)
    access_tokens.refresh_token(shop.id, shop.access_token)

    answer = browser.get(back)

    assert answer.status_code == 302
    with db.reading() as session:
        again = shops.shop_by_domain(session, DOMAIN)
    assert again.token_expires_at != shop.token_expires_at
    assert again.grants == 2


def test_s07_a_state_is_good_for_ten_minutes(browser, shopify, monkeypatch):
    back = merchant_says_yes(shopify, begun(browser))
    later = clock.now() + timedelta(seconds=601)
    monkeypatch.setattr(clock, "now", lambda: later)
    query = altered(dict(parse_qsl(urlsplit(back).query)), timestamp=str(int(later.timestamp())))

    answer = browser.get("/auth/callback", params=query)

    assert (answer.status_code, nobody()) == (403, True)
    assert "Start again" in answer.text


def test_s07_a_code_that_shopify_does_not_take_leaves_nothing(browser, shopify):
    back = merchant_says_yes(shopify, begun(browser))
    query = altered(dict(parse_qsl(urlsplit(back).query)), code="a-code-of-nobodys")

    answer = browser.get("/auth/callback", params=query)

    assert answer.status_code == 401
    assert nobody()


def test_s07_every_refusal_may_be_framed_by_no_stranger(browser):
    for path in (f"/auth?shop={DOMAIN}&hmac=x", "/auth?shop=evil.com", "/auth/callback"):
        rules = browser.get(path).headers["Content-Security-Policy"]
        assert "evil" not in rules
        assert "frame-ancestors" in rules


@pytest.mark.parametrize("path", ["/", "/flows"])
def test_s07_an_unframed_merchant_from_shopify_is_redirected_to_its_grant(browser, path):
    answer = browser.get(path, params=signed(host="YWRtaW4"))

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/auth?shop={DOMAIN}"


@pytest.mark.parametrize(
    "changes", [{"hmac": "0" * 64}, {"embedded": "1"}, {"id_token": "x"}, {"shop": "evil.com"}]
)
def test_s07_other_unframed_visitors_get_the_token_page(browser, changes):
    answer = browser.get("/", params={**signed(), **changes})

    assert answer.headers["Location"].startswith("/auth/patch-id-token?")


def test_s07_the_merchant_of_an_installed_store_gets_the_token_page(browser, shopify):
    browser.get(merchant_says_yes(shopify, begun(browser)))

    answer = browser.get("/", params=signed())

    assert answer.headers["Location"].startswith("/auth/patch-id-token?")
