"""A store that trades, and a clock that is past the grace for webhooks on their way."""

from datetime import timedelta

import pytest

from devstore.shop.store import Store
from plugin import clock
from tests.plugin.shopify.box import Shopify
from tests.plugin.sync.comparing import installed, real_now
from tests.plugin.sync.gaps import Market


@pytest.fixture
def later(monkeypatch):
    """Let the grace for webhooks on their way be over."""
    monkeypatch.setattr(clock, "now", lambda: real_now() + timedelta(minutes=15))


@pytest.fixture
def market(shopify: Shopify, door, broker, request) -> Market:
    """A store with its webhooks; with 500 differences, or on PostgreSQL 50."""
    shopify.store.storefront_url = door.origin
    shopify.bucket(1e9, 1e9)
    shopify.store.now = real_now  # the webhooks are older than the comparison
    small = "postgresql" in request.node.name
    return Market(shopify.store, 0.1 if small else 1.0)


@pytest.fixture
def store(sqlite: str, shopify: Shopify, market: Market, later: None) -> Store:
    """The store itself."""
    return market.store


@pytest.fixture
def shop_id(store: Store, shopify: Shopify, market: Market) -> int:
    """The shop, installed and read."""
    return installed(market, shopify)
