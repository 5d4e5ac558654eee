"""What the tests of messages share: a mail relay, and a shop with something to send."""

import pytest

from storage.shops import Shop
from tests.plugin.messages.world import World, build


@pytest.fixture
def world(sqlite: str, shop: Shop) -> World:
    """A shop with something to send, on SQLite."""
    return build(shop)
