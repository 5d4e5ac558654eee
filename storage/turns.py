"""Turns: who waits for SQLite's one writer writes next, whichever thread or process he is of.

SQLite itself lets whoever waits ask again after 1, 2, 5, … up to 100 ms. Meanwhile the one before
him has the lock again, and a small write of the web waits for many large ones of a worker.
"""

import fcntl
import os
import threading
import time
from collections import deque
from pathlib import Path

LOOK_EVERY_S = 0.0005
NEXT, WRITER = 0, 1  # bytes of the file: who holds one is next in line, or writes


class Turns:
    """The line before one database's writer. A thread stands in it once.

    The threads of a process are served in the order of coming. Between processes whoever is next
    holds one lock and waits for the other; who comes later cannot get past him.
    """

    def __init__(self, file: Path) -> None:
        """
        Args:
            file: empty, and the same one for every process; locks on it end with their process.
        """
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def close(self) -> None:
        """Leave the line for good."""
        os.close(self._file)

    def wait(self, timeout_s: float) -> bool:
        """Wait for our turn; False where it did not come in time."""
        until = time.monotonic() + timeout_s
        if not self._wait_for_threads(timeout_s):
            return False
        if self._lock(NEXT, until):
            ours = self._lock(WRITER, until)
            self._unlock(NEXT)
            if ours:
                return True
        self._call_next()
        return False

    def hand_on(self) -> None:
        """End our turn."""
        self._unlock(WRITER)
        self._call_next()

    def _wait_for_threads(self, timeout_s: float) -> bool:
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

    def _call_next(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False

    def _lock(self, byte: int, until: float) -> bool:
        while True:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
                return True
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(LOOK_EVERY_S)

    def _unlock(self, byte: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)
