"""Open loop: deliveries come when they come, whether or not the ones before were answered.

`regulars serve` takes signed deliveries of many shoppers from a process of its own, over 64
connections, at a steady rate, and then at ten times as many; times count from the moment at which a
delivery was due. Told are what the answers were, how long they took, and how long after the last
one everything was digested.
"""

import contextlib
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, text

from benchmarks import cpu, peers, report
from benchmarks.delivery import DOMAIN
from benchmarks.load import play
from benchmarks.postgres import postgres
from benchmarks.servers import KEY, SECRET, SETTINGS, clean_env, free_port, running
from benchmarks.traffic import Traffic
from plugin.runtime.supervisor import is_answering
from storage import schema
from storage.engine import db, encryption
from storage.shops import add_shop

CONNECTIONS = 64
WAITS_S = 5.0  # Shopify's own patience
DRAINED_WITHIN_S = 300.0
# Each after the one before is drained: (what, its parts in seconds and deliveries a second, what
# the answers of the last part are to stay below).
RUNS = (
    ("300 a second", ((60, 300),), 250),
    ("50, then 500 a second", ((10, 50), (60, 500)), 500),
    ("300, then 3000 a second", ((5, 300), (5, 3_000)), None),
)
QUICK = (("30, then 300 a second", ((1, 30), (1, 300)), None),)


@dataclass
class Served:
    """A running installation: its port, its process, and its inbox."""

    port: int
    pid: int
    inbox: Connection

    def waiting(self) -> int:
        """Deliveries that are yet to be digested."""
        return self.kept() - self._count("delivery WHERE state <> 'new'")

    def kept(self) -> int:
        """All deliveries."""
        return self._count("arrival")

    def _count(self, what: str) -> int:
        found = self.inbox.execute(text(f"SELECT count(*) FROM {what}"))
        return int(found.scalar_one())


def options(parser: ArgumentParser) -> None:
    """What can be asked for on the command line."""
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")


def run(asked: Namespace) -> int:
    """Measure, print, and say by the exit code whether every delivery was kept and digested."""
    peers.CACHE.mkdir(parents=True, exist_ok=True)
    figures: dict[str, float | int | str | None] = {}
    rows, failed, first = [], 0, 0
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=peers.CACHE)))
        url = ""
        if asked.postgres:
            url = stack.enter_context(postgres()).create("benchmark")
        served = stack.enter_context(_serve(folder, url))
        for what, parts, most_ms in QUICK if asked.quick else RUNS:
            found = _one(served, parts, first)
            first += 100_000  # others than those who came before
            rows.append(_row(what, found, most_ms))
            failed |= bool(found["refused"] or found["lost"] or found["left"])
            key = what.replace(" a second", "").replace(", then ", "_to_")
            figures |= {f"{key}_{name}": value for name, value in found.items()}
    where = "PostgreSQL" if asked.postgres else "SQLite"
    report.say(f"Open loop: regulars serve on {where}, {CONNECTIONS} connections")
    report.table(
        ("", "answered", "not 2xx", "p50 ms", "p99 ms", "most ms", "drained s", "CPU us each"), rows
    )
    report.say("Figures are of the last rate; drained counts from the last answer.")
    report.line("open-loop", {"on": where, **figures})
    return failed


def _one(served: Served, parts: Any, first: int) -> dict[str, Any]:
    kept, used = served.kept(), cpu.seconds(served.pid)
    traffic = Traffic(SECRET, first=first)
    result = play(served.port, traffic, parts, connections=CONNECTIONS, waits_s=WAITS_S)
    began = time.perf_counter()
    while (left := served.waiting()) and time.perf_counter() - began < DRAINED_WITHIN_S:
        time.sleep(0.1)
    drained_s = time.perf_counter() - began
    good = result.statuses.get("200", 0)
    last = result.parts[-1] if result.parts else vars(result)
    return {
        "answered": result.answered,
        "refused": result.answered - good + result.closed + result.late,
        "lost": max(0, good - (served.kept() - kept)),
        "left": left,
        "p50_ms": last["p50_ms"],
        "p99_ms": last["p99_ms"],
        "max_ms": last["max_ms"],
        "drained_s": round(drained_s, 1),
        "cpu_us": round((cpu.seconds(served.pid) - used) / max(good, 1) * 1e6),
    }


def _row(what: str, found: dict[str, Any], most_ms: int | None) -> list[str]:
    wish = f" (at most {most_ms})" if most_ms else ""
    names = ("answered", "refused", "p50_ms", "p99_ms", "max_ms", "drained_s", "cpu_us")
    row = [what, *(str(found[name]) for name in names)]
    row[4] += wish
    return row


@contextlib.contextmanager
def _serve(folder: Path, url: str) -> Generator[Served]:
    data, port = folder / "data", free_port()
    data.mkdir()
    at = url or f"sqlite:///{data / 'regulars.db'}"
    encryption.set_keys({"1": KEY})
    db.connect(at)
    try:
        schema.upgrade()
        with db.transaction() as session:
            add_shop(session, DOMAIN, datetime.now(UTC), name="Dewpoint", currency="USD")
        inbox_url = db.inbox_engine().url
    finally:
        db.disconnect()
    env = clean_env(
        REGULARS_DATA_DIR=str(data),
        REGULARS_DATABASE_URL=url,
        **SETTINGS,
    )
    command = [sys.executable, "-m", "regulars", "serve", "--port", str(port)]
    ready = partial(is_answering, "127.0.0.1", port, "/readyz")
    engine = create_engine(inbox_url, isolation_level="AUTOCOMMIT")
    try:
        with running(command, folder, ready, env) as pid, engine.connect() as inbox:
            yield Served(port, pid, inbox)
    finally:
        engine.dispose()
