"""Turns: who waits for SQLite's one writer in this process writes in the order of coming.

SQLite itself lets whoever waits ask again after 1, 2, 5, … up to 100 ms, and meanwhile another
thread of this process has the lock again: a small write then waits for many large ones.
"""

import threading
from collections import deque


class Turns:
    """A lock that is handed to the one who has waited longest. Not to be taken twice by one."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def wait(self, timeout_s: float) -> bool:
        """Take the lock; False where it was not to be had in time."""
        with self._mutex:
            if not self._taken:
                self._taken = True
                return True
            called = threading.Lock()
            called.acquire()
            self._waiting.append(called)
        if called.acquire(timeout=timeout_s):
            return True
        with self._mutex:
            if called in self._waiting:
                self._waiting.remove(called)
                return False
        return True  # it was called in this very moment

    def hand_on(self) -> None:
        """Let go of the lock."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
