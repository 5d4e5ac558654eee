"""A real browser in front of the admin, with a stand-in for what App Bridge does to fetch."""

import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, expect, sync_playwright
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from admin_ui.app import routes
from tests.sizes import PATIENCE

CHROMIUM = "/usr/bin/chromium"
CALM = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
BRIDGE = """
const plain = window.fetch.bind(window);
window.fetch = async (address, options = {}) => {
  const token = await (await plain("/test-token")).text();
  const headers = new Headers(options.headers);
  headers.set("Authorization", "Bearer " + token);
  return plain(address, { ...options, headers });
};
"""


@contextmanager
def served(domain: str, token: object) -> Generator[str]:
    """The admin on a port of its own; the address of it."""
    assert callable(token)

    async def bridge(request: object) -> Response:
        return Response(BRIDGE, media_type="text/javascript")

    async def fresh(request: object) -> Response:
        return PlainTextResponse(token(domain))

    app = Starlette(routes=[Route("/bridge.js", bridge), Route("/test-token", fresh), *routes()])
    with serve(app) as address:
        yield address


@contextmanager
def serve(app: Starlette) -> Generator[str]:
    """An app on a port of its own; the address of it."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    until = time.monotonic() + 10 * PATIENCE
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


@contextmanager
def chromium() -> Generator[Browser]:
    """The installed Chromium, or else Playwright's own."""
    with sync_playwright() as playwright:
        path = CHROMIUM if Path(CHROMIUM).exists() else None
        browser = playwright.chromium.launch(executable_path=path, args=CALM)
        expect.set_options(timeout=5_000 * PATIENCE)
        yield browser
        browser.close()
