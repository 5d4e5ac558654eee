"""Queue the writers of SQLite fairly, across threads and processes.

SQLite lets a waiting writer try again after 1, 2, 5, … up to 100 ms. Meanwhile the previous writer
has the lock again, and a small write of the web waits for many large ones of a worker. Rare writers
(migrations) and those that must not queue (`storage.inbox`) use SQLite's own lock alone.
"""

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

POLL_INTERVAL_S = 0.0005  # a small write takes some milliseconds
NEXT, WRITER = 0, 1  # bytes of the file: who holds one is next in line, or writes


class WriteQueue:
    """The queue before one database's writer. A thread stands in it once.

    The threads of a process are served in the order of coming. Between processes, the next writer
    holds one lock and waits for the other: the one that has just written cannot overtake it.
    """

    def __init__(self, file: Path) -> None:
        """
        Args:
            file: empty, and the same one for every process. It is to be opened here alone: when a
                process closes it, fcntl(2) ends all locks that the process has on it.

        Raises:
            OSError: the file cannot be made or written.
        """
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        # of the process that this object's locks belong to
        self._first: threading.Lock | None = None
        self._closed = False

    @contextmanager
    def acquire(self, timeout_s: float) -> Generator[bool]:
        """Wait for our turn and hold it in the block; False if it did not come in time.

        Dramatiq may raise into a thread anywhere: leaving the block always leaves the queue.
        """
        me = threading.Lock()
        me.acquire()
        try:
            yield self._wait(me, time.monotonic() + timeout_s)
        finally:
            self._leave(me)

    def close(self) -> None:
        """Admit no more writers; the last one in the queue closes the file."""
        with self._mutex:
            self._closed = True
            if self._first is None:
                os.close(self._file)

    def _wait(self, me: threading.Lock, until: float) -> bool:
        with self._mutex:
            first = self._first is None
            if first:
                self._first = me
            else:
                self._waiting.append(me)
        if not first and not me.acquire(timeout=max(0.0, until - time.monotonic())):
            return False
        if not self._lock(NEXT, until):
            return False
        try:
            return self._lock(WRITER, until)
        finally:
            self._unlock(NEXT)

    def _leave(self, me: threading.Lock) -> None:
        with self._mutex:
            if self._first is not me:
                if me in self._waiting:
                    self._waiting.remove(me)
                return
            try:
                self._unlock(NEXT)
                self._unlock(WRITER)
            finally:
                self._first = self._waiting.popleft() if self._waiting else None
                if self._first is not None:
                    self._first.release()
                elif self._closed:
                    os.close(self._file)

    def _lock(self, byte: int, until: float) -> bool:
        while True:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
                return True
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(POLL_INTERVAL_S)

    def _unlock(self, byte: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)
