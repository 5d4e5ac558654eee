"""The ways in as an attacker finds them: every route, over a shop with its own things in it."""

from collections.abc import Generator

import pytest
from starlette.testclient import TestClient

from plugin.runtime.web import build_app
from storage.shops import Shop
from tests.admin_ui.conftest import client, filled, filled_once, merchant, other, pages
from tests.plugin.messages.conftest import world
from tests.plugin.shopify.box import door, shopify
from webhooks.app import routes

__all__ = [
    "client",
    "door",
    "filled",
    "filled_once",
    "merchant",
    "other",
    "pages",
    "shopify",
    "world",
]  # fixtures


@pytest.fixture
def way_in(sqlite: str, shop: Shop) -> Generator[TestClient]:
    """Webhooks, app proxy, pixel and links, in the frame that the whole app has."""
    app = build_app(routes(), https=True)
    with TestClient(app, client=("127.0.0.1", 50_000), raise_server_exceptions=False) as client:
        yield client
