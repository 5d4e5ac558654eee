"""Queue the writers of SQLite fairly, across threads and processes.

SQLite lets a waiting writer try again after 1, 2, 5, … up to 100 ms. Meanwhile the previous writer
has the lock again, and a small write of the web waits for many large ones of a worker. Rare writers
(migrations) and those that must not queue (`storage.inbox`) use SQLite's own lock alone.
"""

import fcntl
import os
import struct
import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

QUEUE_SUFFIX = "-turns"  # of the file beside the database's
POLL_INTERVAL_S = 0.0005  # a small write takes some milliseconds
NEXT, WRITER = 0, 1  # bytes of the file: who holds one is next in line, or writes
# Behind these each notes its process and since when, for who looks whether a turn has no end.
NOTE, NOTES_AT = struct.Struct("=qd"), 16


class WriteQueue:
    """The queue before one database's writer. A thread stands in it once.

    The threads of a process are served in the order of coming. Between processes, the next writer
    holds one lock and waits for the other: the one that has just written cannot overtake it.
    """

    def __init__(self, file: Path) -> None:
        """
        Args:
            file: the same one for every process. It is to be opened here alone: when a process
                closes it, fcntl(2) ends all locks that the process has on it.

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
                os.pwrite(self._file, NOTE.pack(os.getpid(), time.monotonic()), _note_at(byte))
                return True
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(POLL_INTERVAL_S)

    def _unlock(self, byte: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)


class QueueWatch:
    """Looks who stands at the head of a queue for long: a process that was stopped there, or hangs,
    would keep all others from writing for as long. It stands in no queue itself.
    """

    def __init__(self, file: Path) -> None:
        """
        Args:
            file: the queue's; this process opens it here alone.
        """
        self._file = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        self._seen: dict[int, tuple[int, float]] = {}

    @classmethod
    def beside(cls, database: Path) -> list[Self]:
        """Watch the queues of a database and of its inbox."""
        found = database.parent.glob(f"{database.stem}*{QUEUE_SUFFIX}")
        return [cls(file) for file in sorted(found)]

    def overdue(self, limit_s: float) -> int | None:
        """Return the process that has been at the head for longer than `limit_s`, twice in a row.

        Once may be a note of an earlier turn: it is written just after the lock is taken.
        """
        for byte in (WRITER, NEXT):
            held = self._holder(byte)
            before, self._seen[byte] = self._seen.get(byte), held
            if held == before and held[0] and time.monotonic() - held[1] > limit_s:
                return held[0]
        return None

    def close(self) -> None:
        """Look no more."""
        os.close(self._file)

    def _holder(self, byte: int) -> tuple[int, float]:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except BlockingIOError:
            note = os.pread(self._file, NOTE.size, _note_at(byte))
            pid, since = NOTE.unpack(note) if len(note) == NOTE.size else (0, 0.0)
            return pid, since
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)
        return 0, 0.0


def _note_at(byte: int) -> int:
    return NOTES_AT + byte * NOTE.size
