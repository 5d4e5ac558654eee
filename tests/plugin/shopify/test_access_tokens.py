"""Access tokens that run out, are fetched by many at once, or are worth nothing any more."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

from plugin import clock
from plugin.errors import RegularsError
from plugin.shopify.api.access_tokens import access_token
from plugin.shopify.api.client import query
from plugin.shopify.api.http import ShopifyError
from plugin.shopify.install.installation import install
from storage import shops
from storage.engine import db
from tests.plugin.shopify.box import Shopify, refused, the_shop

DOMAIN = "dewpoint.myshopify.com"
ASKED = f"{DOMAIN}/admin/oauth/access_token"


@pytest.fixture(autouse=True)
def _our_clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REGULARS_CLOCK_FILE", str(tmp_path / "clock"))
    (tmp_path / "clock").write_text("0")
    clock.advance(timedelta())


def later(by: timedelta) -> None:
    clock.advance(by)
    time.sleep(0.06)  # the dev store looks at the clock every 50 ms


@pytest.fixture
def shop_id(sqlite: str, shopify: Shopify) -> int:
    shop_id = install(DOMAIN, shopify.id_token())
    shopify.seen.clear()
    return shop_id


def test_a_token_with_time_left_is_given_as_it_is(shop_id: int, shopify: Shopify) -> None:
    later(timedelta(minutes=54))

    assert access_token(shop_id) == the_shop(shop_id).access_token
    assert shopify.seen == []


def test_twenty_who_need_a_new_token_at_once_fetch_one(database: str, shopify: Shopify) -> None:
    shop_id = install(DOMAIN, shopify.id_token())
    before = the_shop(shop_id)
    shopify.seen.clear()
    later(timedelta(minutes=56))

    with ThreadPoolExecutor(20) as pool:
        tokens = set(pool.map(lambda _: access_token(shop_id), range(20)))

    after = the_shop(shop_id)
    assert shopify.seen == [ASKED]
    assert tokens == {after.access_token}
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token
    assert shopify.store.admits(after.access_token or "")


def test_a_lost_token_response_does_not_lock_the_shop_out(shop_id: int, shopify: Shopify) -> None:
    later(timedelta(hours=2))
    shopify.after = [refused(502)]

    with pytest.raises(ShopifyError):
        access_token(shop_id)
    assert shopify.store.admits(access_token(shop_id))


def test_an_answer_that_forgets_the_lifetime_still_ends_in_an_hour(
    shop_id: int, shopify: Shopify
) -> None:
    later(timedelta(hours=2))
    shopify.trouble = [JSONResponse({"access_token": "new", "refresh_token": "newer"})]

    assert access_token(shop_id) == "new"
    shop = the_shop(shop_id)
    assert shop.token_expires_at
    assert shop.token_expires_at <= clock.now() + timedelta(hours=1)
    assert "write_discounts" in shop.scopes


@pytest.mark.parametrize(
    "answer", [{}, {"access_token": "x"}, {"access_token": 7, "refresh_token": None}]
)
def test_an_answer_without_tokens_changes_nothing(
    shop_id: int, shopify: Shopify, answer: dict[str, object]
) -> None:
    before = the_shop(shop_id).access_token
    later(timedelta(hours=2))
    shopify.trouble = [JSONResponse(answer)]

    with pytest.raises(ShopifyError):
        access_token(shop_id)
    assert the_shop(shop_id).access_token == before


def test_f30_a_refused_token_is_replaced_once_and_the_work_goes_on(
    shop_id: int, shopify: Shopify
) -> None:
    dead = the_shop(shop_id).access_token
    with shopify.store.transaction() as rows:
        rows.execute("update token set expires_at = 0 where access = ?", (dead,))

    assert query(shop_id, "shop", {})["shop"]["name"] == "Dewpoint"
    assert the_shop(shop_id).access_token != dead


def test_tokens_that_shopify_forgot_are_dropped_and_the_merchant_is_told(
    shop_id: int, shopify: Shopify
) -> None:
    with shopify.store.transaction() as rows:
        rows.execute("delete from token")

    with pytest.raises(RegularsError, match="Open Regulars in your Shopify admin"):
        query(shop_id, "shop", {})
    shopify.seen.clear()
    with pytest.raises(RegularsError, match="Open Regulars in your Shopify admin"):
        query(shop_id, "shop", {})

    assert shopify.seen == []
    assert the_shop(shop_id).access_token is None


def test_an_uninstalled_shop_is_not_called(shop_id: int, shopify: Shopify) -> None:
    with db.transaction() as session:
        shops.uninstall(session, shop_id, clock.now())

    with pytest.raises(RegularsError, match="not installed"):
        access_token(shop_id)
    with pytest.raises(RegularsError, match="not installed"):
        access_token(7)
    assert shopify.seen == []


def test_wrong_credentials_of_the_app_are_the_operators_business(
    shop_id: int, shopify: Shopify
) -> None:
    later(timedelta(hours=2))
    shopify.trouble = [JSONResponse({"error": "invalid_client"}, status_code=401)]

    with pytest.raises(ShopifyError, match="REGULARS_SHOPIFY_CLIENT_ID"):
        access_token(shop_id)
    assert the_shop(shop_id).access_token
