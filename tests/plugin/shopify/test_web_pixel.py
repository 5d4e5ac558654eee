"""The web pixel and the forms of the theme, on a shop."""

import json

import pytest

from plugin.settings import get_settings
from plugin.shopify.install.app_embed import publish_forms
from plugin.shopify.install.installation import install
from plugin.shopify.install.web_pixel import ensure_pixel
from tests.plugin.shopify.box import Shopify

DOMAIN = "dewpoint.myshopify.com"


@pytest.fixture
def shop_id(sqlite: str, shopify: Shopify) -> int:
    return install(DOMAIN, shopify.id_token())


def test_a_pixel_is_made_once_and_knows_where_we_are(
    shop_id: int, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_pixel(shop_id)
    first = shopify.store.pixel
    shopify.seen.clear()
    ensure_pixel(shop_id)

    assert first == shopify.store.pixel
    assert first
    assert first["settings"] == {"accountID": DOMAIN, "endpoint": "http://127.0.0.1:8000/pixel"}
    assert len(shopify.seen) == 2  # neither made nor changed

    monkeypatch.setenv("REGULARS_URL", "https://regulars.example/")
    get_settings.cache_clear()
    ensure_pixel(shop_id)

    moved = shopify.store.pixel
    assert moved
    assert moved["id"] == first["id"]
    assert moved["settings"]["endpoint"] == "https://regulars.example/pixel"


def test_forms_are_published_where_the_theme_reads_them(shop_id: int, shopify: Shopify) -> None:
    publish_forms(shop_id, {"forms": [{"words": "Willkommen, 你好"}]})
    publish_forms(shop_id, {"forms": [{"words": "Again"}]})

    (field,) = shopify.store.metafields(shopify.store.installation_gid)
    assert (field["namespace"], field["key"], field["type"]) == ("regulars", "forms", "json")
    assert json.loads(field["value"]) == {"forms": [{"words": "Again"}]}
