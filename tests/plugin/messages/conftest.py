"""What the tests of messages share: a mail relay, and a shop with something to send."""

from collections.abc import Generator

import pytest

from plugin.channels import email
from plugin.settings import get_settings
from storage.shops import Shop
from tests.plugin.channels.relay import Relay, running
from tests.plugin.messages.world import World, build


@pytest.fixture
def relay(monkeypatch: pytest.MonkeyPatch) -> Generator[Relay]:
    """A relay that the settings name."""
    with running() as found:
        monkeypatch.setenv("REGULARS_SMTP_URL", found.url)
        get_settings.cache_clear()
        yield found
        email.hang_up()
    get_settings.cache_clear()


@pytest.fixture
def world(sqlite: str, shop: Shop) -> World:
    """A shop with something to send, on SQLite."""
    return build(shop)
