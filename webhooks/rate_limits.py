"""Rate limits for requests without a login, by client network and by installed shop.

Each process counts for itself and forgets after two minutes: a limit keeps one sender from filling
a shop's tables and is no exact count. Memory is bounded, however many addresses come. What one
sender does costs no other: a wide network is counted as a whole too, and who is refused adds no
count to it or to the shop.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Iterator

from starlette.responses import JSONResponse, Response

from plugin.settings import get_settings
from webhooks.client_ip import networks_of

WINDOW_S = 60.0
MAX_KEYS = 50_000  # keys; beyond that, the one that has been away the longest is forgotten
# How many times the limit of one address a network has, from the narrowest to the widest: there are
# 256 of each in the next, and the widest stays well below a shop's own limit.
NETWORK_SHARES = (1, 4, 8)


class Limit:
    """Counts by key. The minute that slides is the present one and what is left of the last."""

    def __init__(self) -> None:
        self._window = 0
        self._now: OrderedDict[Hashable, int] = OrderedDict()
        self._before: OrderedDict[Hashable, int] = OrderedDict()
        self._mutex = threading.Lock()

    def admits(self, *keys: tuple[Hashable, int]) -> bool:
        """Whether one more may come under each of these keys, each with how many may in a minute.

        Who may is counted under all of them, and who may not under none.
        """
        with self._mutex:
            window, into_s = divmod(time.monotonic(), WINDOW_S)
            if window != self._window:
                self._before = self._now if window == self._window + 1 else OrderedDict()
                self._now, self._window = OrderedDict(), int(window)
            left = 1 - into_s / WINDOW_S
            if any(self._now.get(k, 0) + self._before.get(k, 0) * left >= most for k, most in keys):
                return False
            for key, _ in keys:
                self._now[key] = self._now.pop(key, 0) + 1
                if len(self._now) > MAX_KEYS:
                    self._now.popitem(last=False)
            return True


ANSWERS, HINTS = Limit(), Limit()  # by the network of their sender
OF_SHOPS = Limit()  # apart: no number of senders makes a shop's count forgotten


def allows_submit(domain: str, address: str) -> bool:
    """Whether one more answer to a form is taken. One sender cannot use up its shop's count."""
    settings = get_settings()
    senders = _networks(domain, address, settings.answers_per_minute)
    of_shop = (("answers", domain), settings.answers_per_minute_of_shop)
    return ANSWERS.admits(*senders) and OF_SHOPS.admits(of_shop)


def allows_sender(address: str) -> bool:
    """Whether one more view or batch of browser events is looked at, whatever shop it names."""
    return HINTS.admits(*_networks("", address, get_settings().hints_per_minute))


def allows_hint(domain: str) -> bool:
    """Whether one more view or batch of browser events of an installed shop is taken."""
    return OF_SHOPS.admits((("hints", domain), get_settings().hints_per_minute_of_shop))


def _networks(domain: str, address: str, most: int) -> Iterator[tuple[Hashable, int]]:
    for network, share in zip(networks_of(address), NETWORK_SHARES, strict=False):
        yield (domain, network), most * share


def too_many(headers: dict[str, str] | None = None) -> Response:
    """The answer to who may not; the popup shows its own words for it."""
    said = {"errors": {"": "That was too much at once. Please try again in a minute."}}
    return JSONResponse(said, 429, {"Retry-After": f"{WINDOW_S:.0f}", **(headers or {})})
