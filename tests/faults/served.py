"""An installation under load: its web process, or all of `regulars serve`, with webhooks of some
stores.

The checks read the database's rows and the load generator's own notes, not what the app says.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import create_engine, text

from benchmarks import traffic
from benchmarks.load import Result, play
from benchmarks.traffic import Traffic
from plugin.ingest import digest
from plugin.runtime import parent_death
from storage import schema
from storage.engine import db
from storage.shops import add_shop
from tests.faults.town import ROOT, answers, copy_tables, descendants, eventually, free_ports
from tests.sizes import PATIENCE

SECRET = "a secret of this installation's own"
DOMAINS = ("dewpoint.myshopify.com", "other.myshopify.com")
NOBODY = "unix:///nonexistent/broker"
CONNECTIONS = 16
WAITS_S = 5.0  # Shopify's patience
AGAIN_S = 0.5  # its first retry comes later


@dataclass(frozen=True)
class Answer:
    """One answer: to which delivery, what, when (seconds of the load), after how long."""

    webhook_id: str
    status: int
    at_s: float
    took_ms: float


OF_ALL_SHOPS = "SELECT set_config('regulars.shop', 'all', false)"


class Served:
    """Processes over a migrated database with two stores. Everything ends with the `with` block."""

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str = "",
        broker_url: str = "",
        smtp_url: str = "",
        whole: bool = False,
    ) -> None:
        """
        Args:
            whole: `regulars serve` with workers and clock; else the web process alone, and
                `drain` digests in this process.
        """
        self.folder, self.whole = folder, whole
        (self.port,) = free_ports(1)
        self.more_ports: list[int] = []  # of other web processes that get deliveries, too
        self.data = folder / "app"
        self.data.mkdir(exist_ok=True)
        self.url = database_url or f"sqlite:///{self.data / 'regulars.db'}"
        self.process: subprocess.Popen[bytes] | None = None
        self._notes = 0
        self._env = {k: v for k, v in os.environ.items() if not k.startswith("REGULARS_")} | {
            "REGULARS_DATA_DIR": str(self.data),
            "REGULARS_DATABASE_URL": database_url,
            "REGULARS_BROKER_URL": broker_url or ("" if whole else NOBODY),
            "REGULARS_SMTP_URL": smtp_url,
            "REGULARS_TRUST_STORE_EMAIL": "true",
            "REGULARS_SECRET_KEY": os.environ["REGULARS_SECRET_KEY"],
            "REGULARS_SHOPIFY_CLIENT_ID": "served",
            "REGULARS_SHOPIFY_CLIENT_SECRET": SECRET,
        }

    def __enter__(self) -> "Served":
        if self.url.startswith("sqlite"):
            copy_tables(self.data)
        db.connect(self.url)
        schema.upgrade()
        with db.transaction() as session:
            for domain in DOMAINS:
                add_shop(session, domain, datetime.now(UTC), name="Dewpoint", currency="USD")
        inbox_url = db.inbox_engine().url
        self._inbox = create_engine(inbox_url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self._main = create_engine(
            db.engine().url, isolation_level="AUTOCOMMIT", pool_pre_ping=True
        )
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        self._inbox.dispose()
        self._main.dispose()
        db.disconnect()

    def start(self) -> None:
        """Start what was stopped or killed, and wait until all of it is at work."""
        log_file = self.folder / "app.log"
        before = log_file.stat().st_size if log_file.exists() else 0
        words = ("serve" if self.whole else "web", "--port", str(self.port))
        with log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "regulars", *words],
                cwd=ROOT, env=self._env, stdout=log, stderr=subprocess.STDOUT,
                preexec_fn=parent_death.exit_with_parent,
            )  # fmt: skip
        well = f"http://127.0.0.1:{self.port}/{'readyz' if self.whole else 'healthz'}"
        eventually("it answers", lambda: self._alive() and answers(well), within_s=90)
        if self.whole:
            eventually("worker and clock begin", lambda: self._work_began(before), within_s=90)

    def _work_began(self, after: int) -> bool:
        """Whether worker, sender and clock have begun; the web answers before they have."""
        said = (self.folder / "app.log").read_bytes()[after:]
        return said.count(b"worker.started") >= 2 and b"clock.started" in said

    def stop(self) -> None:
        """End the processes in good order."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(30 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def pids(self) -> set[int]:
        """Every process of it."""
        assert self.process is not None
        return {self.process.pid, *descendants(self.process.pid)}

    def _alive(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "app.log").read_text()[-3_000:]
        return True

    def load(
        self, *parts: tuple[float, float], again_s: float = 0.0, people: int = 500
    ) -> tuple[Result, list[Answer]]:
        """Let the stores tell of their shoppers, in parts of (seconds, deliveries a second).

        Args:
            again_s: send what was not answered 200 again after so long, until it is.
        """
        self._notes += 1
        notes = self.folder / f"answers-{self._notes}"
        result = play(
            self.port, Traffic(SECRET, DOMAINS, people), parts, connections=CONNECTIONS,
            waits_s=WAITS_S, again_s=again_s, answers=notes,
            more_ports=self.more_ports,
        )  # fmt: skip
        found = []
        for line in notes.read_text().splitlines():
            webhook_id, status, at_s, took_ms = line.split()
            found.append(Answer(webhook_id, int(status), float(at_s), float(took_ms)))
        return result, found

    @contextlib.contextmanager
    def loading(
        self, *parts: tuple[float, float], **more: Any
    ) -> Generator[Callable[[], tuple[Result, list[Answer]]]]:
        """As `load`, beside the block, from its first delivery on; calling what it gives waits for
        the end.
        """
        before = self._deliveries()
        found: list[tuple[Result, list[Answer]]] = []
        thread = threading.Thread(target=lambda: found.append(self.load(*parts, **more)))
        thread.start()

        def result() -> tuple[Result, list[Answer]]:
            thread.join()
            return found[0]

        try:
            eventually("the load begins", lambda: self._deliveries() > before, within_s=30)
            yield result
        finally:
            thread.join()

    def _deliveries(self) -> int:
        return int(str(self.rows("SELECT count(*) FROM arrival", inbox=True)[0][0]))

    def missing(self, answered: list[Answer]) -> set[str]:
        """Deliveries that were answered 200 and have no row."""
        kept = {row[0] for row in self.rows("SELECT webhook_id FROM arrival", inbox=True)}
        return {each.webhook_id for each in answered if each.status == 200} - kept

    def states(self) -> Counter[str]:
        """How many deliveries are in each state; an arrival that no worker has taken is new."""
        query = (
            "SELECT coalesce(state, 'new'), count(*) FROM arrival LEFT JOIN delivery"
            " USING (shop_id, webhook_id) GROUP BY 1"
        )
        return Counter({str(state): int(str(n)) for state, n in self.rows(query, inbox=True)})

    def rows(self, sql: str, *, inbox: bool = False) -> list[tuple[object, ...]]:
        """What a query finds, past the app's own engines."""
        with (self._inbox if inbox else self._main).connect() as connection:
            if connection.dialect.name != "sqlite":
                connection.execute(text(OF_ALL_SHOPS))
            return [tuple(row) for row in connection.execute(text(sql))]

    def count(self, sql: str) -> int:
        """The number that a query over the main database answers with."""
        return int(str(self.rows(sql)[0][0]))

    def drain(self, within_s: float = 60.0) -> float:
        """Wait until all is digested, by the workers or by us; how many seconds that took."""
        began = time.monotonic()
        while self.states()["new"]:
            assert time.monotonic() - began < within_s * PATIENCE, self.states()
            if self.whole or not digest.digest_deliveries():
                time.sleep(0.1)
        return time.monotonic() - began

    def effects_once(self, deliveries: int) -> None:
        """Check that each fact of so many deliveries of `Traffic` took effect exactly once."""
        orders = traffic.orders_in(deliveries)
        ordered = "SELECT count(*) FROM event WHERE metric = 'Placed Order'"
        assert self.count("SELECT count(*) FROM orders") == orders
        assert self.count(ordered) == orders
        assert self.states() == {"done": deliveries}

    def ask(self, path: str) -> httpx2.Response:
        """GET a page."""
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx2.get(url, timeout=30 * PATIENCE, trust_env=False)


def windows(found: list[Answer]) -> list[float]:
    """How long each time was in which nothing was answered 200, in seconds."""
    good = sorted(each.at_s for each in found if each.status == 200)
    bad = sorted(each.at_s for each in found if each.status != 200)
    spans: dict[float, list[float]] = {}
    for at in bad:
        after = next((each for each in good if each > at), at)
        spans.setdefault(after, []).append(at)
    return [round(after - min(ats), 2) for after, ats in spans.items()]


def tell(fault: str, **figures: object) -> None:
    """The run's figures; `pytest -s` shows them, and `make faults` does."""
    said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
    sys.stdout.write(f"\n{fault}: {said}\n")
