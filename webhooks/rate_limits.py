"""Rate limits for requests without a login, by shop and client IP.

Each process counts for itself and forgets after two minutes: a limit keeps one sender from filling
a shop's tables and is no exact count. Memory is bounded, however many addresses come.
"""

import time
from collections.abc import Hashable

from starlette.responses import JSONResponse, Response

from plugin.settings import get_settings
from webhooks.client_ip import network_of

WINDOW_S = 60.0
MAX_KEYS = 50_000  # keys; who comes beyond that shares one count with all others who do


class Limit:
    """Counts by key. The minute that slides is the present one and what is left of the last."""

    def __init__(self) -> None:
        self._window = 0
        self._now: dict[Hashable, int] = {}
        self._before: dict[Hashable, int] = {}

    def admits(self, key: Hashable, most: int) -> bool:
        """Whether `key` may come once more, having come less than `most` times in a minute."""
        window, into_s = divmod(time.monotonic(), WINDOW_S)
        if window != self._window:
            self._before = self._now if window == self._window + 1 else {}
            self._now, self._window = {}, int(window)
        if key not in self._now and len(self._now) >= MAX_KEYS:
            key = None
        came = self._now.get(key, 0)
        if came + self._before.get(key, 0) * (1 - into_s / WINDOW_S) >= most:
            return False
        self._now[key] = came + 1
        return True


ANSWERS, HINTS = Limit(), Limit()


def allows_submit(domain: str, address: str) -> bool:
    """Whether one more answer to a form is taken. One address cannot use up its shop's count."""
    settings = get_settings()
    return ANSWERS.admits(
        (domain, network_of(address)), settings.answers_per_minute
    ) and ANSWERS.admits(domain, settings.answers_per_minute_of_shop)


def allows_event(domain: str, address: str) -> bool:
    """Whether one more view or batch of browser events is taken. The domain is any text."""
    settings = get_settings()
    return HINTS.admits(("", network_of(address)), settings.hints_per_minute) and HINTS.admits(
        domain, settings.hints_per_minute_of_shop
    )


def too_many(headers: dict[str, str] | None = None) -> Response:
    """The answer to who may not; the popup shows its own words for it."""
    said = {"errors": {"": "That was too much at once. Please try again in a minute."}}
    return JSONResponse(said, 429, {"Retry-After": f"{WINDOW_S:.0f}", **(headers or {})})
