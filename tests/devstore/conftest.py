"""A shop with the app on it, in memory, and the box around it without a network."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from devstore.serve import build
from devstore.shop.app import App
from devstore.shop.store import Store

ROOT = Path(__file__).parents[2]
SECRET = "a client secret that is long enough for HS256"


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def skip(self, **by: float) -> None:
        """Let time pass."""
        self.at += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    """The shop's clock."""
    return Clock()


@pytest.fixture
def app() -> App:
    """The app as its own manifest describes it."""
    return App.from_manifest(
        ROOT / "manifest.toml",
        client_id="client-id",
        client_secret=SECRET,
        url="http://app.test",
    )


@pytest.fixture
def store(app: App, clock: Clock) -> Iterator[Store]:
    """A shop in memory with the app on it."""
    made = Store(app=app, now=clock)
    made.install()
    yield made
    made.close()


@pytest.fixture
def shop(store: Store) -> Iterator[TestClient]:
    """A browser, as far as one can be had without one."""
    with TestClient(build(store, deliver=False), base_url="http://127.0.0.1:8001") as client:
        yield client


@pytest.fixture
def bought(store: Store) -> Callable[..., Any]:
    """Buy something, from cart to order; gives the order."""

    def buy(email: str = "mia@example.com", handle: str = "cloud-cream", **said: Any) -> Any:
        found = store.product(handle)
        assert found
        cart = store.add_to_cart(None, found["variants"][0]["id"])
        checkout = store.start_checkout(cart["token"], email)
        if said:
            store.update_checkout(checkout["token"], **said)
        return store.complete_checkout(checkout["token"])

    return buy
