"""Deliver what waits in the outbox as signed POSTs to the app."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

import httpx2

from devstore.shop.outbox import Delivery
from devstore.shop.store import Store

# One second to connect, five in all: shopify.dev, "HTTPS webhooks", delivery.
CONNECT_S, TOTAL_S = 1.0, 5.0
CONCURRENCY = 8
LOOK_EVERY_S = 0.1


class Courier:
    """Delivers for all shops of one process; what it cannot deliver stays in their outboxes."""

    def __init__(self, stores: Iterable[Store], client: httpx2.AsyncClient | None = None) -> None:
        self._stores = list(stores)
        self._client = client
        self._own = client is None
        self._on_the_way: dict[asyncio.Task[None], str] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until stopped; what is on its way then still arrives."""
        async with self._connected():
            while not stop.is_set():
                self._send_out()
                if len(self._on_the_way) >= CONCURRENCY:
                    await asyncio.wait(self._on_the_way, return_when=asyncio.FIRST_COMPLETED)
                else:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), LOOK_EVERY_S)
            await self._arrived()

    async def deliver_due(self) -> int:
        """Try everything that is due once, and say how many that was."""
        tried = 0
        async with self._connected():
            while self._send_out():
                tried += len(self._on_the_way)
                await self._arrived()
        return tried

    def _send_out(self) -> bool:
        """Start what is due while there are hands for it."""
        for store in self._stores:
            room = CONCURRENCY - len(self._on_the_way)
            if room <= 0:
                break
            for delivery in store.due(room, but=frozenset(self._on_the_way.values())):
                task = asyncio.create_task(self._deliver(store, delivery))
                self._on_the_way[task] = delivery.id
                task.add_done_callback(lambda done: self._on_the_way.pop(done, None))
        return bool(self._on_the_way)

    async def _arrived(self) -> None:
        """Wait for what is on its way."""
        if self._on_the_way:
            await asyncio.gather(*self._on_the_way)

    async def _deliver(self, store: Store, delivery: Delivery) -> None:
        assert self._client
        assert store.app
        headers, body = store.request(delivery)
        try:
            async with asyncio.timeout(TOTAL_S):
                answer = await self._client.post(
                    store.app.webhook_url, content=body, headers=headers
                )
        except (httpx2.HTTPError, TimeoutError) as error:
            store.missed(delivery, type(error).__name__)
            return
        if answer.is_success:
            store.delivered(delivery, str(answer.status_code))
        else:
            store.missed(delivery, str(answer.status_code))

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        if self._client is None:
            limits = httpx2.Timeout(TOTAL_S, connect=CONNECT_S)
            # Deliveries go to this machine: a proxy named in the environment has no part in it.
            self._client = httpx2.AsyncClient(timeout=limits, trust_env=False)
        try:
            yield
        finally:
            if self._own:
                await self._client.aclose()
                self._client = None
