"""Connections to the web: each sends its request's head in time, no address holds more than its
share, and there are fewer than files.

uvicorn closes a connection that is idle between two requests, and waits for a first head, or for
the rest of one, for ever. At the process's limit of open files all clients would be refused alike.
"""

import asyncio
import resource
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from plugin.client_networks import is_trusted, networks_of, parse_address

HEAD_TIMEOUT_S = 8.0  # as long as a body has
# What else a process opens: some 60 lines to the database, the broker's, its own files.
OTHER_FILES = 200
# Of all, for one network, unless it is a trusted proxy's. A browser holds six; but a proxy that the
# settings forgot holds those of all visitors.
SHARE_OF_ADDRESS = 1 / 4
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 10\r\n"
    b"connection: close\r\n\r\n"
)


def max_connections() -> int:
    """How many connections leave this process files for its own work."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - OTHER_FILES, soft // 2)


def _network_of(host: str) -> str:
    """What a client's connections are counted under; empty for a proxy that the settings trust."""
    address = parse_address(host)  # a socket of this machine's has none
    return "" if address is None or is_trusted(address) else networks_of(address)[0]


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with these limits."""

    head_timeout_s = HEAD_TIMEOUT_S
    most = max_connections()
    most_of_address = int(max_connections() * SHARE_OF_ADDRESS)
    held: ClassVar[Counter[str]] = Counter()  # by network, of this process

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._waits_since = self.loop.time()  # for a head, while no request is answered
        self._look: asyncio.TimerHandle | None = None
        self._network = ""

    # Narrower than asyncio's own, as uvicorn's is: a server's connections can be written to.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or refuse it where there are too many, of all or of its address."""
        super().connection_made(transport)
        self._network = _network_of(self.client[0]) if self.client else ""
        if self._network:
            self.held[self._network] += 1
        if len(self.connections) > self.most or (
            self._network and self.held[self._network] > self.most_of_address
        ):
            transport.write(REFUSAL)
            transport.close()
            return
        self._look = self.loop.call_later(self.head_timeout_s, self._look_at_head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        if self._look is not None:
            self._look.cancel()
        if self._network:
            self.held[self._network] -= 1
            if not self.held[self._network]:
                del self.held[self._network]
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next head from now on."""
        self._waits_since = self.loop.time()
        super().on_response_complete()

    def _look_at_head(self) -> None:
        """Close the connection if its head is overdue, else look again when it would be."""
        is_answered = self.cycle is not None and not self.cycle.response_complete
        left_s = self._waits_since + self.head_timeout_s - self.loop.time()
        if left_s <= 0 and not is_answered:
            self.transport.abort()
            return
        wait_s = self.head_timeout_s if is_answered else left_s
        self._look = self.loop.call_later(wait_s, self._look_at_head)
