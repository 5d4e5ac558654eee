"""One at a time, across threads, processes and machines: for work that calls the outside world.

A row's lock would keep every other writer of SQLite waiting for an answer from the network.
"""

import hashlib
import re
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from storage.engine import db

LOCK_TIMEOUT_S = 120.0  # longer than any work behind a lock may take
POLL_INTERVAL_S = 0.05

_here: dict[str, threading.Lock] = {}


class LockTimeoutError(Exception):
    """Another process has held the lock for longer than we wait."""


@contextmanager
def exclusive(name: str, wait_s: float = LOCK_TIMEOUT_S) -> Generator[None]:
    """Hold the lock called `name` (`token-12`); it opens when the block or the process ends.

    Raises:
        LockTimeoutError: it was not to be had.
    """
    until = time.monotonic() + wait_s
    lock = _here.setdefault(name, threading.Lock())
    # This process first: of a hundred threads that wait, one has a connection open.
    if not lock.acquire(timeout=wait_s):
        raise LockTimeoutError(name)
    try:
        held = _beside_sqlite if db.is_sqlite(db.engine()) else _in_postgres
        with held(name, until):
            yield
    finally:
        lock.release()


@contextmanager
def _beside_sqlite(name: str, until: float) -> Generator[None]:
    """A file for each lock, empty for ever: SQLite's own file locks work on every system."""
    folder = Path(str(db.engine().url.database)).with_suffix(".locks")
    folder.mkdir(exist_ok=True, mode=0o700)
    path = folder / re.sub(r"[^a-z0-9.-]", "_", name)
    left_s = max(0.0, until - time.monotonic())
    connection = sqlite3.connect(path, timeout=left_s, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        connection.close()
        raise LockTimeoutError(name) from None
    try:
        yield
    finally:
        connection.close()


@contextmanager
def _in_postgres(name: str, until: float) -> Generator[None]:
    """An advisory lock of a transaction of its own: poolers keep those together."""
    key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)
    take = text("SELECT pg_try_advisory_xact_lock(:key)")
    with db.engine().begin() as connection:
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        while not connection.execute(take, {"key": key}).scalar():
            if time.monotonic() > until:
                raise LockTimeoutError(name)
            time.sleep(POLL_INTERVAL_S)
        yield
