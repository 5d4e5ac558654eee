"""Rests: what failed for every message alike is left alone for a growing pause, and then tried by
one message before the others follow.

What is known of it stays in this process: each sender learns for itself, within a few messages.
"""

import threading
from datetime import datetime, timedelta

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=10)
TRIAL = timedelta(seconds=30)  # how long the others wait for what the first one finds
MAX_FAILURES = 2  # in a row before there is a rest; a new connection may have helped by then


class Rest:
    """How often something failed in a row, and until when it is left alone. For many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._began: datetime | None = None
        self._until: datetime | None = None

    def ends_at(self, now: datetime) -> datetime | None:
        """Return the end of a rest that lasts. The first to ask after it is told None, and tries
        alone for a while.
        """
        with self._lock:
            if self._until is None:
                return None
            # A clock that was set back makes no rest longer.
            self._until = min(self._until, now + LONGEST_PAUSE)
            if now < self._until:
                return self._until
            self._until = now + TRIAL
            return None

    def fail(self, tried_at: datetime, now: datetime, *, tolerated: int = 0) -> timedelta | None:
        """Count a failure, and return how long the rest is that begins now, if one does.

        What was tried before the last rest began says nothing new.

        Args:
            tolerated: so many failures in a row begin no rest.
        """
        with self._lock:
            if self._began is not None and tried_at < self._began <= now:
                return None
            self._failures += 1
            pauses = self._failures - tolerated
            if pauses <= 0:
                return None
            pause: timedelta = min(FIRST_PAUSE * 2 ** min(pauses - 1, 20), LONGEST_PAUSE)
            self._began, self._until = now, now + pause
            return pause

    def end(self) -> None:
        """Forget all failures: it works."""
        with self._lock:
            self._failures, self._began, self._until = 0, None, None
