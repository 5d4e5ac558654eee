"""The web app around everybody's routes: health, errors as sentences, headers, a body limit."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import dramatiq
import structlog
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugin.channels.registry import CHANNELS
from plugin.errors import RegularsError
from plugin.runtime.connect import broker_answers
from plugin.runtime.garbage import end_loading
from plugin.settings import get_settings
from storage import schema
from storage.channels import Channel
from storage.engine import db

MAX_BODY_BYTES = 1_000_000  # a route that takes more says so itself
BODY_TIMEOUT_S = 8.0  # a megabyte over a slow line; a client that drips bytes holds a connection
READINESS_CACHE_S = 1.0
RETRY_AFTER_S = 10
REQUIRED = ("database", "broker", "migrations")  # for being ready
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the admin's pages name their own frame
}

log = structlog.get_logger()


def build_app(routes: Sequence[BaseRoute], *, https: bool) -> Starlette:
    """Build the ASGI app.

    Args:
        https: whether we are reached over TLS; browsers are then told to insist on it.
    """
    headers = HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})
    app = _App(
        direct={each.path: each.endpoint for each in routes if isinstance(each, NoThreadRoute)},
        routes=[Route("/healthz", show_health), Route("/readyz", show_readiness), *routes],
        middleware=[
            Middleware(DefaultHeaders, headers=headers),
            Middleware(_RefuseNul),
            Middleware(BodyTimeoutMiddleware),
        ],
        exception_handlers={
            RegularsError: answer_error,
            **dict.fromkeys(db.TRANSIENT, answer_503),
            Exception: answer_500,
        },
        lifespan=_lifespan,
        max_body_size=MAX_BODY_BYTES,
    )
    app.state.readiness = Readiness()
    return app


class NoThreadRoute(Route):
    """A path that only machines call, thousands of times a second: its ASGI endpoint is led to
    straight, past what browsers need, and looks after limits and errors itself.

    Measured on a webhook: our layers and the router cost more than keeping it does.
    """


class _App(Starlette):
    def __init__(self, direct: Mapping[str, ASGIApp], **given: Any) -> None:
        super().__init__(**given)
        self._direct = direct

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._direct.get(scope["path"]) if scope["type"] == "http" else None
        await (endpoint or super().__call__)(scope, receive, send)


class _RefuseNul:
    """Refuse an address that holds a NUL, which PostgreSQL refuses in any text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and ("\x00" in scope["path"] or b"%00" in scope["query_string"]):
            app = PlainTextResponse("An address has no such character.", status_code=400)
        await app(scope, receive, send)


async def show_health(request: Request) -> Response:
    """The process is alive; nothing else is asked."""
    return JSONResponse({"status": "ok"})


def show_readiness(request: Request) -> Response:
    """Return 200 when we can work: the database takes a write and is current, the broker answers.

    No external service is checked: its outage does not make us unready. Whether mail can go and
    webhooks can be verified is told beside: a restart, or no traffic, would not mend a setting.
    Anybody may ask us, and one check writes: an answer therefore counts for a second.
    """
    checks = request.app.state.readiness.checks()
    fine = all(is_there for part, is_there in checks.items() if part in REQUIRED)
    return JSONResponse(
        {"status": "ok" if fine else "unready", **checks}, status_code=200 if fine else 503
    )


class Readiness:
    """The result of the last readiness check and its time; concurrent callers share one check."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, bool] = {}
        self._until = float("-inf")

    def checks(self) -> dict[str, bool]:
        """Each thing that we need, and whether it is there."""
        with self._lock:
            if time.monotonic() > self._until:
                database = schema.takes_writes()
                self._known = {
                    "database": database,
                    "broker": broker_answers(dramatiq.get_broker()),
                    "migrations": database and schema.is_current(),
                    "mail": CHANNELS[Channel.EMAIL].is_set_up(),
                    "webhooks": bool(get_settings().client_secrets()),
                }
                self._until = time.monotonic() + READINESS_CACHE_S
            return self._known


async def answer_error(request: Request, error: Exception) -> Response:
    """An expected error in its own words."""
    assert isinstance(error, RegularsError)
    if error.status >= 500:
        endpoint = getattr(request.scope.get("endpoint"), "__qualname__", "")
        log.warning("web.failed", endpoint=endpoint, status=error.status)
    return PlainTextResponse(error.message, status_code=error.status)


async def answer_503(request: Request, error: Exception) -> Response:
    """The database is busy, full or away: nothing was changed, and the same can be asked again."""
    endpoint = getattr(request.scope.get("endpoint"), "__qualname__", "")
    log.warning("web.database_away", endpoint=endpoint, error=type(error).__name__)
    words = "We cannot do this just now. Nothing was changed; please try again in a moment."
    return PlainTextResponse(words, status_code=503, headers={"Retry-After": str(RETRY_AFTER_S)})


async def answer_500(request: Request, error: Exception) -> Response:
    """Any other error, without details: they are in the log."""
    return PlainTextResponse("Something went wrong on our side.", status_code=500)


class DefaultHeaders:
    """Adds headers to every answer that does not set them itself."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    given.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class BodyTimeoutMiddleware:
    """End a request with 408 if its body does not arrive in time.

    If the answer comes before the whole body, the connection is closed: the rest is not worth
    reading.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        until = asyncio.get_running_loop().time() + BODY_TIMEOUT_S
        given = Headers(scope=scope)
        whole = "transfer-encoding" not in given and given.get("content-length", "0") == "0"

        async def receive_in_time() -> Message:
            nonlocal whole
            if whole:  # what comes now is that the client went away
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408) from None
            whole = not message.get("more_body")
            return message

        async def send_and_close(message: Message) -> None:
            if message["type"] == "http.response.start" and not whole:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self.app(scope, receive_in_time, send_and_close)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    end_loading()
    yield
    db.disconnect()
