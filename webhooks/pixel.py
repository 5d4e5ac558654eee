"""POST /pixel: what shoppers look at, from the web pixel's sandbox.

It is not signed and can be forged, so it is a hint: it names a browser, never a person. It may
start a flow of that browser's own shopper (viewed a product and left), and moves no money: orders,
checkouts and consent come in signed webhooks alone. It needs no preflight (text/plain) and its
answer is empty.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from plugin.errors import RegularsError
from plugin.ingest.pixel import record_pixel_events
from plugin.values import without_unstorable
from storage import shops
from storage.engine import db
from webhooks.client_ip import address_of
from webhooks.rate_limits import allows_hint, allows_sender, too_many

MAX_BODY_BYTES = 64 * 1024
MAX_EVENTS = 50  # in one batch
MAX_DOMAIN_CHARS = 200
MAX_REQUESTS_OF_SHOP, TURN_TIMEOUT_S = 4, 2.0
HEADERS = {"Access-Control-Allow-Origin": "*"}  # without credentials: no cookies come along


class ShopTurns:
    """Lets few requests of one shop into this process's threads at a time; the others wait on its
    loop. All need the shop's lock: where that is held, they would take every thread for it.
    """

    def __init__(self, at_once: int = MAX_REQUESTS_OF_SHOP, wait_s: float = TURN_TIMEOUT_S) -> None:
        self._at_once, self._wait_s = at_once, wait_s
        self._doors: dict[str, asyncio.Semaphore] = {}
        self._inside: dict[str, int] = {}

    @asynccontextmanager
    async def turn(self, domain: str) -> AsyncGenerator[None]:
        """Run the block when it is this request's turn.

        Raises:
            RegularsError: 503, as its turn did not come in time.
        """
        door = self._doors.setdefault(domain, asyncio.Semaphore(self._at_once))
        self._inside[domain] = self._inside.get(domain, 0) + 1
        try:
            try:
                await asyncio.wait_for(door.acquire(), self._wait_s)
            except TimeoutError:
                raise RegularsError("Too many wait for this shop. Try again soon.", 503) from None
            try:
                yield
            finally:
                door.release()
        finally:
            self._inside[domain] -= 1
            if not self._inside[domain]:
                del self._inside[domain], self._doors[domain]


TURNS = ShopTurns()


async def receive(request: Request) -> Response:
    """Record a batch of browser events; 204 for any content, 429 when there are too many."""
    if request.headers.get("sec-gpc") == "1":
        return Response(status_code=204, headers=HEADERS)  # the browser asked not to be followed
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        return Response(status_code=204, headers=HEADERS)
    if isinstance(body, dict) and isinstance(body.get("events"), list):
        if not allows_sender(address_of(request)):
            return too_many(HEADERS)
        domain = str(without_unstorable(body.get("shop")))[:MAX_DOMAIN_CHARS]
        events = body["events"][:MAX_EVENTS]
        async with TURNS.turn(domain):
            taken = await run_in_threadpool(_take, domain, events, _device(request))
        if not taken:
            return too_many(HEADERS)
    return Response(status_code=204, headers=HEADERS)


def routes() -> list[Route]:
    """The pixel's route."""
    return [Route("/pixel", receive, methods=["POST"], max_body_size=MAX_BODY_BYTES)]


def _device(request: Request) -> str:
    """Phone, tablet or computer, as the browser calls itself. No more of it is kept."""
    agent = request.headers.get("user-agent", "").lower()
    if "ipad" in agent or "tablet" in agent or ("android" in agent and "mobile" not in agent):
        return "tablet"
    if "mobi" in agent:
        return "phone"
    return "computer" if "mozilla" in agent else ""


def _take(domain: str, events: Sequence[Any], device: str) -> bool:
    """Record them for the shop, if it is installed; False when it has had too many."""
    with db.reading() as session:
        shop = shops.shop_by_domain(session, domain)
    if shop is None or shop.uninstalled_at is not None:
        return True
    if not allows_hint(shop.domain):
        return False
    record_pixel_events(shop, events, device)
    return True
