"""Installing a store, and what comes back when it is installed again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

from plugin import clock
from plugin.errors import RegularsError
from plugin.shopify.api.http import ShopifyError
from plugin.shopify.install.installation import install
from storage import shops
from storage.engine import db
from tests.plugin.shopify.box import Shopify, the_shop

DOMAIN = "dewpoint.myshopify.com"


def test_a_store_is_kept_with_its_tokens_and_details(database: str, shopify: Shopify) -> None:
    shop = the_shop(install(DOMAIN, shopify.id_token()))

    assert (shop.domain, shop.name, shop.currency) == (DOMAIN, "Dewpoint", "USD")
    assert (shop.timezone, shop.country) == ("America/New_York", "US")
    assert shop.url == "http://127.0.0.1:8001"
    assert (shop.sender_name, shop.sender_email) == (shop.name, shop.email)
    assert shop.access_token
    assert shopify.store.admits(shop.access_token)
    assert shop.token_expires_at
    assert timedelta(minutes=59) < shop.token_expires_at - clock.now() <= timedelta(hours=1)
    assert "write_discounts" in shop.scopes
    assert shop.generation == 1
    assert all(seen.startswith(f"{DOMAIN}/admin/") for seen in shopify.seen)


def test_s25_tokens_are_not_readable_in_the_database(sqlite: str, shopify: Shopify) -> None:
    shop = the_shop(install(DOMAIN, shopify.id_token()))

    folder = Path(sqlite.removeprefix("sqlite:///")).parent
    kept = b"".join(file.read_bytes() for file in folder.glob("regulars.db*"))
    assert shop.access_token
    assert shop.refresh_token
    assert shop.access_token.encode() not in kept
    assert shop.refresh_token.encode() not in kept


def test_a_store_that_comes_back_is_a_generation_on_and_keeps_its_sender(
    sqlite: str, shopify: Shopify
) -> None:
    first = install(DOMAIN, shopify.id_token())
    with db.transaction() as session:
        shop = shops.get_shop(session, first)
        assert shop
        shop.sender_name = "Wen at Dewpoint"
        shop.catalog_synced_at = clock.now()
        shops.uninstall(session, first, clock.now())

    again = the_shop(install(DOMAIN, shopify.id_token()))

    assert again.id == first
    assert again.generation == 2
    assert again.uninstalled_at is None
    assert again.catalog_synced_at is None
    assert again.sender_name == "Wen at Dewpoint"


def test_a_second_install_of_the_same_one_only_renews_its_tokens(
    sqlite: str, shopify: Shopify
) -> None:
    first = the_shop(install(DOMAIN, shopify.id_token()))
    second = the_shop(install(DOMAIN, shopify.id_token()))

    assert second.generation == 1
    assert second.installed_at == first.installed_at
    assert second.access_token != first.access_token


def test_many_installs_at_once_make_one_store(database: str, shopify: Shopify) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: install(DOMAIN, shopify.id_token()), range(8)))

    assert len(set(ids)) == 1
    assert the_shop(ids[0]).generation == 1


def test_a_stale_id_token_is_a_401_and_leaves_nothing(sqlite: str, shopify: Shopify) -> None:
    with pytest.raises(RegularsError) as error:
        install(DOMAIN, "stale")

    assert error.value.status == 401
    assert _nobody()


def test_a_shop_that_does_not_say_who_it_is_leaves_nothing(sqlite: str, shopify: Shopify) -> None:
    denied = {"errors": [{"message": "Denied", "extensions": {"code": "ACCESS_DENIED"}}]}
    shopify.trouble = [None, JSONResponse(denied)]

    with pytest.raises(ShopifyError, match=r"Denied\."):
        install(DOMAIN, shopify.id_token())

    assert _nobody()


@pytest.mark.parametrize("domain", ["evil.example", "Dewpoint.myshopify.com", "dewpoint", ""])
def test_what_is_no_shop_is_never_called(sqlite: str, shopify: Shopify, domain: str) -> None:
    with pytest.raises(RegularsError):
        install(domain, shopify.id_token())

    assert shopify.seen == []


def _nobody() -> bool:
    with db.reading() as session:
        return shops.shop_by_domain(session, DOMAIN) is None
