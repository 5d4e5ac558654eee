"""S27: a merchant's page may be framed by Shopify's admin alone, a shopper's by no site; errors
too.
"""

import pytest
from starlette.testclient import TestClient

from admin_ui.app import PAGES
from admin_ui.app import routes as admin_routes
from admin_ui.kit.auth import merchant as merchants_page
from admin_ui.kit.routes import pages_of
from plugin.runtime.web import build_app
from tests.admin_ui.conftest import Merchant
from tests.attacks.ways import filled_in, ways
from tests.webhooks.test_shopify import headers
from webhooks import confirmations, links, preferences, storefront
from webhooks.app import routes

SHOPS = ("dewpoint.myshopify.com", "other.myshopify.com")
ADMIN = [path for _, path in ways(admin_routes(), "GET")]
SHOPPERS = [*links.routes(), *preferences.routes(), *confirmations.routes(), *storefront.routes()]
PUBLIC = [path for _, path in ways(SHOPPERS, "GET")]


@pytest.fixture
def whole(client, other, monkeypatch):
    """The whole app, with both shops' merchants before it."""
    monkeypatch.setattr("admin_ui.kit.auth.onboard.ensure_installed", lambda domain, token: 0)
    app = build_app([*routes(), *admin_routes()], https=True)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def framed_by(answer):
    (rule,) = [
        rule.strip()
        for rule in answer.headers["Content-Security-Policy"].split(";")
        if rule.strip().startswith("frame-ancestors")
    ]
    return rule.removeprefix("frame-ancestors ")


def may(domain):
    return {f"https://{domain} https://admin.shopify.com",
            f"'self' https://{domain} https://admin.shopify.com"}  # fmt: skip


def is_html(answer):
    return answer.headers.get("content-type", "").startswith("text/html")


@pytest.mark.parametrize("domain", SHOPS)
@pytest.mark.parametrize("path", ADMIN)
def test_s27_every_document_of_the_admin_names_its_own_shop(whole, filled, domain, path):
    visitor = Merchant(whole, domain)
    for place in filled_in(path, ["1", str(filled["Welcome"]), "nothing"]):
        for answer in (
            visitor.open(place),
            whole.get(place, params={"shop": domain}, follow_redirects=False),
            whole.get(place, params={"shop": domain, "id_token": "bad"}, follow_redirects=False),
        ):
            if is_html(answer) or answer.is_redirect:
                assert framed_by(answer) in may(domain) or answer.is_redirect, place
                assert not [d for d in SHOPS if d != domain and d in framed_by(answer)]


@pytest.mark.parametrize("path", [p for p in ADMIN if not p.startswith(("/static", "/preview"))])
def test_s27_a_page_that_breaks_names_its_shop_too(whole, monkeypatch, path):
    def breaks(*_):
        raise ValueError

    monkeypatch.setattr("admin_ui.kit.auth.shop_by_domain", breaks)
    (place,) = filled_in(path, ["1"]) if "{" in path else (path,)
    answer = Merchant(whole, SHOPS[0]).open(place)

    if answer.status_code == 500:
        assert framed_by(answer) in may(SHOPS[0])
    else:
        assert path.startswith("/auth") or path == "/{rest:path}"  # they need no shop


@pytest.mark.parametrize("domain", SHOPS)
@pytest.mark.parametrize(
    "path", ["/nowhere", "/flows/1/nowhere", "/settings/x/y", "/%01", "/a/b/c"]
)
def test_s27_an_address_that_does_not_exist_is_a_page_that_names_its_shop(whole, domain, path):
    answer = Merchant(whole, domain).open(path)

    assert answer.status_code == 404
    assert is_html(answer)
    assert framed_by(answer) in may(domain)


@pytest.mark.parametrize("path", PUBLIC)
def test_s27_nothing_for_shoppers_may_be_framed_at_all(whole, path):
    for place in filled_in(path, ["1"]):
        answer = whole.get(place, follow_redirects=False)
        assert framed_by(answer) == "'none'", place


def test_s27_nor_may_what_no_browser_asks_for(whole):
    assert framed_by(whole.get("/healthz")) == "'none'"
    assert framed_by(whole.put("/settings")) == "'none'"
    assert whole.post("/webhooks/shopify", headers=headers()).content == b""  # nothing to frame
    for path in ("/%00", "/settings?as=%00"):
        assert framed_by(whole.get(path)) == "'none'"


@pytest.mark.parametrize(
    "domain",
    ["evil.com", "dewpoint.myshopify.com evil.com", "dewpoint.myshopify.com;script-src *",
     "*.myshopify.com", "dewpoint.myshopify.com\r\nX-A: b", "'self'", "dewpoint.myshopify.com."],
)  # fmt: skip
def test_s27_a_query_cannot_add_to_the_rule(whole, domain):
    for path in ("/", "/auth/patch-id-token", "/nowhere", "/auth"):
        answer = whole.get(path, params={"shop": domain}, follow_redirects=False)
        assert framed_by(answer) == "https://admin.shopify.com", path


def test_s27_no_page_of_the_admin_is_outside_this_list():
    """A page that is not made by `merchant` has no shop: each of those is named here."""
    named = merchants_page(pages_of(*PAGES)[0]).__qualname__
    others = {
        route.path
        for route in admin_routes()
        if getattr(route.endpoint, "__qualname__", "") != named
    }
    assert others == {
        "/auth/patch-id-token", "/auth", "/auth/callback", "/preview/{key}",
        "/static/admin/{digest}/{name}", "/{rest:path}",
    }  # fmt: skip
