"""A Shopify to speak to: the dev store's API on a port of its own, with trouble on request."""

import socket
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from devstore.admin import api as admin_api
from devstore.admin import costs, oauth
from devstore.shop.app import App
from devstore.shop.store import Store
from plugin import clock
from plugin.settings import get_settings
from storage.engine import db
from storage.shops import Shop, get_shop

ROOT = Path(__file__).parents[3]


class Shopify:
    """The dev store behind a proxy that counts its requests and can answer in its place."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.seen: list[str] = []
        self.trouble: list[Response | None] = []  # one for each request to come; None: none
        self.after: list[Response | None] = []  # as `trouble`, yet the store has done its work
        self.app = Starlette(routes=[*admin_api.routes, *oauth.routes])
        self.app.state.stores = {store.domain: store}
        self.app.state.buckets = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        host = dict(scope["headers"]).get(b"host", b"").decode()
        self.seen.append(f"{host}{scope['path']}")
        answer = self.trouble.pop(0) if self.trouble else None
        late = self.after.pop(0) if self.after else None
        if answer is None and late is not None:
            await self.app(scope, receive, _nowhere)
            answer = late
        await (answer or self.app)(scope, receive, send)

    def bucket(self, capacity: float, restore_per_s: float) -> costs.Bucket:
        """Give the app another bucket of points."""
        made = costs.Bucket(capacity, restore_per_s)
        self.app.state.buckets[self.store.domain] = made
        return made

    def id_token(self) -> str:
        """What App Bridge hands to our pages."""
        return oauth.session_token(self.store)


async def _nowhere(_message: Any) -> None:
    return


class Door:
    """One port for all tests; who is behind it changes."""

    def __init__(self) -> None:
        self.behind: ASGIApp | None = None
        self.origin = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.behind
        await self.behind(scope, receive, send)


@pytest.fixture(scope="session")
def door() -> Generator[Door]:
    """The proxy, open on 127.0.0.1."""
    door = Door()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        door.origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(door, log_config=None, lifespan="off", timeout_keep_alive=60)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.005)
        yield door
        server.should_exit = server.force_exit = True
        thread.join()


@pytest.fixture
def shopify(door: Door, monkeypatch: pytest.MonkeyPatch) -> Generator[Shopify]:
    """The dev store, with our app on it, where the settings say that Shopify is."""
    app = App.from_manifest(
        ROOT / "manifest.toml",
        client_id="test-client-id",
        client_secret="a test secret of Shopify's usual length",
        url="http://127.0.0.1:8000",
    )
    store = Store(app=app, now=lambda: clock.now())  # ours, which a test may replace
    store.install()
    door.behind = box = Shopify(store)
    monkeypatch.setenv("REGULARS_SHOPIFY_ORIGIN", door.origin)
    monkeypatch.setenv("REGULARS_SHOPIFY_CLIENT_SECRET", app.client_secret)
    get_settings.cache_clear()
    yield box
    get_settings.cache_clear()
    door.behind = None
    store.close()


def the_shop(shop_id: int) -> Shop:
    """A shop as it is kept now."""
    with db.reading() as session:
        shop = get_shop(session, shop_id)
    assert shop
    return shop


def refused(status: int = 503, **headers: str) -> Response:
    """An answer that Shopify gives when it is in trouble."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse({"errors": "trouble"}, status_code=status, headers=names)
