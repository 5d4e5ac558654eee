"""A store without some of the app's scopes: what waits, where it is shown, how it goes on."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from admin_ui.app import routes as admin_routes
from admin_ui.kit import links
from devstore.delivery import Courier
from devstore.serve import build
from plugin import clock, onboard
from plugin.ingest.digest import digest_deliveries
from plugin.manifest import load_manifest
from plugin.offers import coupons
from plugin.shopify.api.graphql import query
from plugin.shopify.api.http import ShopifyError
from plugin.shopify.install import scopes
from plugin.worker import actors
from storage import coupons as stored_coupons
from storage.engine import db
from storage.shops import Shop, get_shop, unsynced
from tests.plugin.shopify.box import Shopify, door, shopify
from webhooks.app import routes

__all__ = ["door", "shopify"]  # fixtures

DOMAIN = "dewpoint.myshopify.com"
WITHHELD = ("write_discounts", "write_pixels")


@pytest.fixture
def store(sqlite, broker, shopify):
    """A store that had the app before it asked for codes and a pixel."""
    asked = shopify.store.app
    fewer = tuple(scope for scope in asked.scopes if scope not in WITHHELD)
    shopify.store.uninstall()
    shopify.store.app = replace(asked, scopes=fewer)
    shopify.store.install()
    shopify.store.app = asked
    with shopify.store.transaction() as outbox:
        outbox.execute("delete from delivery")
    return shopify.store


@pytest.fixture
def shop(store, shopify) -> Shop:
    shop_id = onboard.ensure_installed(DOMAIN, shopify.id_token())
    with db.transaction() as session:
        installed = get_shop(session, shop_id)
        assert installed
        installed.installed_at -= timedelta(minutes=1)  # webhooks carry whole seconds
    return the_shop(shop_id)


def the_shop(shop_id: int) -> Shop:
    with db.reading() as session:
        found = get_shop(session, shop_id)
    assert found
    return found


def news(store) -> None:
    """What the store has to say arrives and is digested."""

    async def deliver() -> None:
        line = httpx2.ASGITransport(Starlette(routes=routes()))
        async with httpx2.AsyncClient(transport=line) as client:
            await Courier([store], client).deliver_due()

    asyncio.run(deliver())
    digest_deliveries()


def open_page(shopify: Shopify, path: str) -> str:
    """One of our pages, as the merchant sees it."""
    with TestClient(Starlette(routes=admin_routes())) as browser:
        said = {"shop": DOMAIN, "id_token": shopify.id_token()}
        answer = browser.get(path, params=said, follow_redirects=False)
        assert answer.status_code == 200
        return answer.text


def test_what_is_missing_is_said_with_the_way_to_give_it(store, shop, shopify):
    assert scopes.missing_scopes(shop) == list(WITHHELD)
    for path in ("/", "/settings"):
        page = open_page(shopify, path)
        assert all(scope in page for scope in WITHHELD)
        assert f'href="{links.grant(shop)}"' in page
        assert "Grant permissions" in page


def test_what_needs_it_waits_and_the_rest_goes_on(store, shop, monkeypatch):
    monkeypatch.setattr(
        actors.backfill, "begin_backfill", lambda shop_id: None
    )  # a stage for itself

    actors.sync_catalog(shop.id)

    assert store.pixel is None
    with db.reading() as session:
        assert unsynced(session, clock.now()) == []  # the catalog was read
    with db.reading() as session:
        (coupon, *_) = stored_coupons.coupons_of(session, shop.id)
    coupons.refill_codes(shop.id, coupon.id)
    with db.reading() as session:
        said = stored_coupons.get_coupon(session, shop.id, coupon.id).error
    assert "`write_discounts` access scope" in said
    assert "agree to the permissions" in said


def test_a_query_without_its_scope_says_which_it_is(store, shop):
    with pytest.raises(ShopifyError, match="write_pixels") as error:
        query(shop.id, "pixel_create", {"pixel": {"settings": "{}"}})

    assert error.value.status == 403


def test_opening_the_app_grants_scopes_and_waiting_work_goes_on(store, shop, shopify, monkeypatch):
    monkeypatch.setattr(actors.backfill, "begin_backfill", lambda shop_id: None)
    actors.sync_catalog(shop.id)
    with TestClient(build(store, deliver=False), base_url="http://127.0.0.1:8001") as admin:
        question = admin.get("/admin/apps/regulars")
        assert "Update Regulars" in question.text
        assert "Write discounts" in question.text
        assert "Read orders" not in question.text  # granted before
        admin.post("/admin/apps/regulars/install")
        assert "<iframe" in admin.get("/admin/apps/regulars").text

    news(store)

    agreed = the_shop(shop.id)
    assert scopes.missing_scopes(agreed) == []
    assert (agreed.generation, agreed.uninstalled_at) == (1, None)
    with db.reading() as session:
        assert unsynced(session, clock.now()) == [shop.id]  # the clock enqueues it
    actors.sync_catalog(shop.id)
    assert store.pixel is not None
    assert "Grant permissions" not in open_page(shopify, "/")


def test_a_merchant_may_also_grant_scopes_at_our_own_page(store, shop, shopify):
    with TestClient(
        Starlette(routes=admin_routes()), follow_redirects=False, base_url="http://127.0.0.1:8000"
    ) as browser:
        question = browser.get("/auth", params={"shop": DOMAIN}).headers["Location"]
        with TestClient(shopify.app, follow_redirects=False, base_url="http://127.0.0.1") as admin:
            back = admin.post(question).headers["Location"]
        assert browser.get(back).status_code == 302

    agreed = the_shop(shop.id)
    assert agreed.scopes.split(",") == load_manifest()["scopes"]
    assert (agreed.generation, agreed.catalog_synced_at) == (1, None)


def test_scopes_that_are_taken_back_are_missing_from_then_on(store, shop):
    store.install()
    news(store)
    assert scopes.missing_scopes(the_shop(shop.id)) == []

    store.grant([scope for scope in store.granted if scope != "read_products"])
    news(store)

    assert scopes.missing_scopes(the_shop(shop.id)) == ["read_products"]


def test_a_store_that_does_not_agree_is_not_asked_anew_with_every_page(
    store, shop, shopify, monkeypatch
):
    shopify.seen.clear()
    for _ in range(3):
        open_page(shopify, "/settings")
    assert shopify.seen == []

    later = clock.now() + onboard.RECHECK_INTERVAL
    monkeypatch.setattr(clock, "now", lambda: later)
    open_page(shopify, "/settings")
    assert len([seen for seen in shopify.seen if seen.endswith("access_token")]) == 1
