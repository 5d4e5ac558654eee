"""The whole box in one process: shops over HTTP, the mailbox over SMTP, the courier behind them."""

import argparse
import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from devstore import mailbox_pages
from devstore.admin import api as admin_api
from devstore.admin import billing, oauth
from devstore.admin import frame as admin_frame
from devstore.delivery import Courier
from devstore.mailbox import Mailbox, listening
from devstore.pages import STATIC
from devstore.people import seed, traffic
from devstore.shop.app import App
from devstore.shop.products import ShopError
from devstore.shop.shops import NoShopError
from devstore.shop.store import Store
from devstore.storefront import checkout_pages, proxy, shop_pages, theme

COMMANDS = {"seed": seed.main, "traffic": traffic.traffic, "replay": traffic.replay}


def build(
    stores: Store | Sequence[Store],
    extensions: str | Path | None = None,
    *,
    mailbox: Mailbox | None = None,
    smtp_port: int | None = None,
    deliver: bool = True,
) -> Starlette:
    """The box as an ASGI app; the courier and the SMTP server live as long as its lifespan.

    Args:
        stores: the shops; requests without a myshopify.com Host go to the first.
        extensions: where the app's extensions lie, `popup/` and `pixel/` below it.
        smtp_port: where the mailbox listens; None: nowhere.
        deliver: whether webhooks are sent.
    """
    shops = [stores] if isinstance(stores, Store) else list(stores)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            app.state.client = await stack.enter_async_context(proxy.client())
            if smtp_port is not None:
                running = listening(app.state.mailbox, port=smtp_port)
                app.state.smtp_port = await stack.enter_async_context(running)
            if deliver:
                await stack.enter_async_context(_delivering(shops))
            yield

    app = Starlette(
        routes=[
            *admin_api.routes,
            *oauth.routes,
            *billing.routes,
            *admin_frame.routes,
            *mailbox_pages.routes,
            *theme.routes,
            *proxy.routes,
            *checkout_pages.routes,
            *shop_pages.routes,
            Mount("/cdn", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={ShopError: _shop_error, NoShopError: _no_shop, 404: _nothing_here},
        lifespan=lifespan,
    )
    app.state.stores = {shop.domain: shop for shop in shops}
    app.state.buckets = {}
    app.state.mailbox = mailbox or Mailbox()
    app.state.extensions = Path(extensions) if extensions else None
    app.state.pixel_events = {}
    return app


@contextlib.asynccontextmanager
async def _delivering(shops: Sequence[Store]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    courier = asyncio.create_task(Courier(shops).run(stop))
    try:
        yield
    finally:
        stop.set()
        await courier


async def _shop_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ShopError)
    return shop_pages.page(
        request, "storefront/sorry.html", status=error.status, message=error.message
    )


async def _nothing_here(request: Request, _error: Exception) -> Response:
    return shop_pages.page(
        request, "storefront/sorry.html", status=404, message="There is no such page."
    )


async def _no_shop(_request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"There is no shop at {error}.", status_code=404)


def main(argv: Sequence[str] | None = None) -> None:
    """The command line: open one shop and serve it until SIGTERM, or one of `COMMANDS`."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words and words[0] in COMMANDS:
        COMMANDS[words[0]](words[1:])
        return
    said = _arguments().parse_args(words)
    data = Path(said.data)
    data.mkdir(parents=True, exist_ok=True)
    app = App.from_manifest(
        said.manifest,
        client_id=said.client_id,
        client_secret=said.client_secret,
        url=said.app_url,
    )
    store = Store(
        data / "store.db",
        domain=said.domain,
        app=app,
        storefront_url=said.url or f"http://127.0.0.1:{said.port}",
    )
    if said.install:
        store.install()
    run(
        store,
        said.extensions,
        mailbox=Mailbox(data / "mailbox.db"),
        port=said.port,
        smtp_port=said.smtp_port,
    )


def run(
    stores: Store | Sequence[Store],
    extensions: str | Path | None,
    *,
    mailbox: Mailbox,
    port: int,
    smtp_port: int,
    host: str = "127.0.0.1",
) -> None:
    """Serve until SIGTERM or SIGINT, then let go of every file."""
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    app = build(stores, extensions, mailbox=mailbox, smtp_port=smtp_port)
    try:
        uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=5)
    finally:
        for store in app.state.stores.values():
            store.close()
        mailbox.close()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "devstore",
        description="A Shopify store in a box.",
        epilog="Or: devstore seed, devstore traffic, devstore replay, each with --help.",
    )
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--smtp-port", type=int, default=8025)
    parser.add_argument("--data", default="var/devstore", help="where the shop is kept")
    parser.add_argument("--domain", default="dewpoint.myshopify.com")
    parser.add_argument("--url", help="the storefront's address in links, when not --port's")
    parser.add_argument("--manifest", default="manifest.toml", help="the app's description")
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--client-secret", required=True)
    parser.add_argument("--app-url", default="http://127.0.0.1:8000")
    parser.add_argument("--extensions", help="the folder of the app's extensions")
    parser.add_argument("--install", action="store_true", help="with the app on it already")
    return parser
