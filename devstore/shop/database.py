"""The shop's memory: one SQLite file, shared by threads, with a JSON document in each row."""

import json
import sqlite3
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from devstore import clock
from devstore.shop.app import App

Document = dict[str, Any]

TABLES = Path(__file__).with_name("tables.sql")


class Database:
    """The rows of one shop. Every method may be called from any thread."""

    currency = "USD"
    zone = ZoneInfo("America/New_York")

    def __init__(
        self,
        path: str | Path = ":memory:",
        *,
        domain: str = "dewpoint.myshopify.com",
        name: str = "Dewpoint",
        app: App | None = None,
        storefront_url: str = "http://127.0.0.1:8001",
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.domain = domain
        self.name = name
        self.app = app
        self.storefront_url = storefront_url.rstrip("/")
        self.now = now
        self._path = None if str(path) == ":memory:" else Path(path)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.executescript(TABLES.read_text())

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of a block or none of it; blocks may be nested."""
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._db.execute("begin immediate")
            self._depth += 1
            try:
                yield self._db
            except BaseException:
                if outermost:
                    self._db.execute("rollback")
                raise
            else:
                if outermost:
                    self._db.execute("commit")
            finally:
                self._depth -= 1

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Every row of a query."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query."""
        with self._lock:
            found: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return found

    def document(self, sql: str, *values: Any) -> Document | None:
        """The first row's `body`."""
        found = self.row(sql, *values)
        return json.loads(found["body"]) if found else None

    def documents(self, sql: str, *values: Any) -> list[Document]:
        """Every row's `body`."""
        return [json.loads(row["body"]) for row in self.rows(sql, *values)]

    def setting(self, key: str, default: Any = None) -> Any:
        """A setting of the shop, as it was given."""
        found = self.row("select value from setting where key = ?", key)
        return json.loads(found["value"]) if found else default

    def set(self, key: str, value: Any) -> None:
        """Keep a setting; None forgets it."""
        with self.transaction() as db:
            if value is None:
                db.execute("delete from setting where key = ?", (key,))
            else:
                db.execute("insert or replace into setting values (?, ?)", (key, json.dumps(value)))

    def next_id(self, kind: str) -> int:
        """A fresh id with fourteen digits, as Shopify's are; two shops share none."""
        with self.transaction():
            count = int(self.setting(f"last {kind}", 0)) + 1
            self.set(f"last {kind}", count)
        # Shopify's ids are not consecutive: apps that count on it break there, so they break here.
        kind_part = (10 + zlib.crc32(kind.encode()) % 80) * 1_000_000_000_000
        return kind_part + self.shop_id % 997 * 1_000_000_000 + count * 371

    def stamp(self, at: datetime | None = None) -> str:
        """A moment as payloads write it: the shop's own zone, to the second."""
        return (at or self.now()).astimezone(self.zone).isoformat(timespec="seconds")

    @property
    def shop_id(self) -> int:
        """The shop's own number, the same after every restart."""
        return 60_000_000_000 + zlib.crc32(self.domain.encode())

    def folder(self, name: str) -> Path:
        """A folder beside the shop's file; of a shop in memory, one that goes with it."""
        with self._lock:
            if self._path is None and self._temporary is None:
                self._temporary = tempfile.TemporaryDirectory(prefix="devstore-")
            beside = self._path.parent if self._path else Path(self._temporary.name)  # type: ignore[union-attr]
        (beside / name).mkdir(exist_ok=True)
        return beside / name

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()
            if self._temporary is not None:
                self._temporary.cleanup()


def dumps(document: Document) -> str:
    """A document as it lies in the table."""
    return json.dumps(document, separators=(",", ":"))
