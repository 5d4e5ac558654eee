"""POST /webhooks/shopify: store a delivery in the inbox, then answer 200.

Nothing is decided here: the raw bytes are stored with the delivery's own id, and a job is enqueued.
A body that Shopify signed is always answered 200, with any content: a refusal would only be sent
again for four hours, and after eight of them Shopify drops the subscription.
"""

import asyncio
import hashlib
import json
import time
from typing import NamedTuple

import structlog
from starlette.types import Receive, Scope, Send

from plugin import clock, jobs
from plugin.manifest import compliance_topics, topic_handlers
from plugin.settings import get_settings
from storage import arrivals, shops
from storage.arrivals import NewDelivery
from storage.engine import db
from webhooks.body_timeout import BodyTimeout
from webhooks.group_commit import GroupCommit
from webhooks.signatures import is_shopify_webhook

MAX_BODY_BYTES = 6 * 1024 * 1024  # an order with 10,000 lines has 5 MB
BODY_TIMEOUT_S = 8.0  # Shopify itself gives up after five
# Twice, as one may wait for the commit before its own: an answer after five seconds is none.
# What is kept nevertheless is kept once.
COMMIT_TIMEOUT_S = 2.2
SHOPS_CACHE_S = 5.0
ENQUEUE_INTERVAL_S = 0.05
CLOCK_PRECISION_S = 0.001
MAX_WEBHOOK_ID_CHARS = 200

log = structlog.get_logger()


class Names(NamedTuple):
    """The headers of a delivery that we read."""

    signature: bytes
    domain: bytes
    topic: bytes
    webhook_id: bytes
    triggered_at: bytes
    api_version: bytes


FIELDS = ("hmac-sha256", "shop-domain", "topic", "webhook-id", "triggered-at", "api-version")
# Next-generation events drop the X-: @shopify/shopify-api 15, webhooks/types.ts. A delivery has
# one family: whichever holds its signature names the rest.
CLASSIC = Names(*(f"x-shopify-{name}".encode() for name in FIELDS))
NEW = Names(*(f"shopify-{name}".encode() for name in FIELDS))


class ShopifyWebhook:
    """The endpoint, as bare ASGI: at thousands of deliveries a second each layer shows."""

    def __init__(self) -> None:
        self._secrets = [secret.encode() for secret in get_settings().client_secrets()]
        self._topics, self._compliance = frozenset(topic_handlers()), frozenset(compliance_topics())
        self._patience = BodyTimeout(BODY_TIMEOUT_S)
        self._shops: dict[str, int] = {}
        self._shops_read_at = float("-inf")
        self._inbox = GroupCommit[NewDelivery](
            arrivals.async_writer(), arrivals.add_deliveries, COMMIT_TIMEOUT_S
        )
        self._now, self._looked_at = clock.now(), time.monotonic()
        self._pending = False
        self._enqueuing: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 405
        if scope["method"] == "POST":
            try:
                status = await self._take_in(scope, receive)
            except (*db.TRANSIENT, TimeoutError):
                log.warning("webhook.not_kept")
                status = 503
        headers = SPECIAL.get(status, HEADERS)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _take_in(self, scope: Scope, receive: Receive) -> int:
        headers = dict(scope["headers"])
        if headers.get(b"content-encoding", b"identity") != b"identity":
            return 415
        try:
            body = await self._patience.wait(_body(headers, receive))
        except TimeoutError:
            return 408
        if body is None:
            return 413
        names = CLASSIC if CLASSIC.signature in headers else NEW
        signature = headers.get(names.signature, b"")
        if not is_shopify_webhook(body, signature, self._secrets):
            return 401
        domain, topic, webhook_id, triggered_at, api_version = _texts(headers, names)
        self._look_at_clock()
        if topic in self._compliance:
            shop_id = await asyncio.to_thread(_shop_in, body)
            webhook_id = webhook_id or hashlib.sha256(body).hexdigest()
            triggered_at = triggered_at or self._now.isoformat()
        else:
            shop_id = self._shops.get(domain)
            if shop_id is None or self._looked_at - self._shops_read_at > SHOPS_CACHE_S:
                shop_id = await self._find_shop(domain)
        if shop_id is None or topic not in self._topics or not webhook_id:
            return 200  # a store that is not ours, or a topic without a subscription
        await self._inbox.put(
            NewDelivery(shop_id, webhook_id, topic, api_version, triggered_at, self._now, body)
        )
        self._enqueue_soon()
        return 200

    def _look_at_clock(self) -> None:
        """Ask what time it is once a millisecond: to ask costs a tenth of what a delivery does."""
        moment = time.monotonic()
        if moment - self._looked_at > CLOCK_PRECISION_S:
            self._now, self._looked_at = clock.now(), moment

    async def _find_shop(self, domain: str) -> int | None:
        """The id of an installed store. A store that we do not know is looked up at once."""
        self._shops_read_at = time.monotonic()  # one looks; the others go on with what we know
        self._shops = await asyncio.to_thread(_installed)
        return self._shops.get(domain)

    def _enqueue_soon(self) -> None:
        """Enqueue one job for all deliveries of a moment; enqueueing costs more than storing."""
        self._pending = True
        if self._enqueuing is None:
            self._enqueuing = asyncio.create_task(self._enqueue())

    async def _enqueue(self) -> None:
        """Enqueue one at a time: a broker that hangs must not take every thread of this process."""
        try:
            while self._pending:
                await asyncio.sleep(ENQUEUE_INTERVAL_S)
                self._pending = False
                await asyncio.to_thread(jobs.enqueue, "digest")
        finally:
            self._enqueuing = None


HEADERS = [(b"content-length", b"0")]
CLOSING = [*HEADERS, (b"connection", b"close")]
SPECIAL = dict.fromkeys(
    (405, 408, 413, 415), CLOSING
)  # the rest of such a body is not worth reading
SPECIAL[503] = [*HEADERS, (b"retry-after", b"10")]


def _installed() -> dict[str, int]:
    with db.reading() as session:
        return shops.installed_domains(session)


def _shop_in(body: bytes) -> int | None:
    """The store that a request for privacy names in its signed body, even after an uninstall.

    Its headers may name none (seen in the wild: Shopify/shopify-api-ruby, 1261).
    """
    try:
        domain = json.loads(body)["shop_domain"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    if not isinstance(domain, str):
        return None
    with db.reading() as session:
        shop = shops.shop_by_domain(session, domain)
    return None if shop is None else shop.id


def _texts(headers: dict[bytes, bytes], names: Names) -> list[str]:
    """What a delivery's headers say, from its shop's domain on."""
    return [str(headers.get(name, b"")[:MAX_WEBHOOK_ID_CHARS], "latin-1") for name in names[1:]]


async def _body(headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
    """The raw bytes, or None when there are more than we take."""
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        return None
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body if len(body) <= MAX_BODY_BYTES else None
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            return None
    return b"".join(parts)
