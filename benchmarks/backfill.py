"""Reading a store's past: rows a second, memory, and whether three kills change what is kept.

The dev store is given a past and serves it by bulk operations; `regulars backfill` reads it into
migrated SQLite. The long reading is killed (SIGKILL) three times on its way and started again; it
must keep exactly what the store has. A short one is read twice, once whole and once killed three
times, and must end in the very same state.
"""

import contextlib
import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import cpu, peers, report
from benchmarks.servers import (
    KEY,
    ROOT,
    SECRET,
    SETTINGS,
    BenchmarkError,
    clean_env,
    free_port,
    listens,
    running,
)
from devstore.people.seed import Seed
from devstore.shop.app import App
from devstore.shop.store import Store
from storage import schema
from storage.engine import db, encryption
from storage.shops import add_shop
from tests.state import state_of

DOMAIN = "dewpoint.myshopify.com"
KILLS = (0.25, 0.5, 0.75)  # shares of the reading at which the process dies
MOST_MB = 200
LOOK_EVERY_S = 0.05
WITHIN_S = 1_800.0
# What must be there afterwards: a table of ours, and the part of it.
KEPT = {
    "profiles": "SELECT count(*) FROM profile",
    "orders": "SELECT count(*) FROM orders",
    "order lines": "SELECT count(*) FROM order_line",
    "Placed Order": "SELECT count(*) FROM event WHERE metric = 'Placed Order'",
    "Checkout Started": "SELECT count(*) FROM event WHERE metric = 'Checkout Started'",
    "lines put aside": "SELECT count(*) FROM backfill_line",
}


# Of the store's orders: no test, and lines of which something is left.
REAL = "NOT coalesce(body ->> 'test', 0)"
LEFT = (
    " AND body ->> 'cancelled_at' IS NULL AND line.value ->> 'quantity' >"
    " coalesce(line.value ->> 'removed', 0) + coalesce(line.value ->> 'refunded', 0)"
)


@dataclass
class Reading:
    """One reading, over all of its processes."""

    wall_s: float = 0.0
    reading_s: float = 0.0  # of these, while results were there to be read
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    kills: int = 0
    rows: int = 0


def options(parser: ArgumentParser) -> None:
    """What can be asked for on the command line."""
    parser.add_argument("--customers", type=int, default=0, help="backfill: 50,000 if left out")
    parser.add_argument("--orders", type=int, default=0, help="backfill: 150,000 if left out")


def run(asked: Namespace) -> int:
    """Measure, print, and say by the exit code whether all is kept within the memory."""
    customers = asked.customers or (500 if asked.quick else 50_000)
    orders = asked.orders or (1_500 if asked.quick else 150_000)
    peers.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=peers.CACHE) as place:
        whole, killed = _small(Path(place))
        began = time.perf_counter()
        with shop(Path(place) / "large", customers, orders) as (env, store):
            seed_s = time.perf_counter() - began
            reading = read(env, Path(place) / "large", KILLS)
            kept = kept_in(env)
            wanted = wanted_by(store)
    exact = whole == killed and kept == wanted
    _print(reading, customers, orders, kept, wanted, whole == killed)
    report.line(
        "backfill",
        {
            "customers": customers,
            "orders": orders,
            "rows": reading.rows,
            "rows_per_s": round(reading.rows / reading.reading_s) if reading.reading_s else None,
            "rows_per_cpu_s": round(reading.rows / reading.cpu_s) if reading.cpu_s else None,
            "reading_s": round(reading.reading_s, 1),
            "wall_s": round(reading.wall_s, 1),
            "peak_mb": round(reading.peak_mb, 1),
            "kills": reading.kills,
            "exact": int(exact),
            "seed_s": round(seed_s, 1),
        },
    )
    return 0 if exact and reading.peak_mb <= MOST_MB else 1


def _small(folder: Path) -> tuple[str, str]:
    """A hash of the state after a whole reading, and after one that was killed three times."""
    hashes, at = [], datetime(2026, 11, 21, 12, tzinfo=UTC)
    for name, kills in (("whole", ()), ("killed", KILLS)):
        with shop(folder / name, 500, 1_500, at=at) as (env, _):
            read(env, folder / name, kills)
            hashes.append(hash_of(env))
    return hashes[0], hashes[1]


@contextlib.contextmanager
def shop(
    folder: Path, customers: int, orders: int, at: datetime | None = None
) -> Generator[tuple[Mapping[str, str], Path]]:
    """A seeded store on a port, and our migrated database with that store installed."""
    folder.mkdir()
    port = free_port()
    manifest = folder / "manifest.toml"
    manifest.write_text((ROOT / "manifest.toml").read_text())
    app = App.from_manifest(
        manifest, client_id="benchmark", client_secret=SECRET, url="http://none"
    )
    clock = {} if at is None else {"now": lambda: at}
    store = Store(folder / "store.db", app=app, **clock)
    store.install()
    Seed(store).fill(customers, orders, orders // 500)
    store.close()
    store = Store(folder / "store.db", app=app)
    token = store.issue_token().access
    store.close()
    env = clean_env(
        REGULARS_DATA_DIR=str(folder / "data"),
        **SETTINGS,
        REGULARS_SHOPIFY_ORIGIN=f"http://127.0.0.1:{port}",
    )
    (folder / "data").mkdir()
    _migrate(folder / "data", token)
    words = ["--port", port, "--smtp-port", free_port(), "--data", folder, "--manifest", manifest]
    words += [
        "--client-id",
        "benchmark",
        "--client-secret",
        SECRET,
        "--app-url",
        "http://127.0.0.1:9",
    ]
    command = [sys.executable, "-m", "devstore", *map(str, words)]
    with running(command, folder, lambda: listens(port), env):
        yield env, folder / "store.db"


def _migrate(data: Path, token: str) -> None:
    encryption.set_keys({"1": KEY})
    db.connect(f"sqlite:///{data / 'regulars.db'}")
    try:
        schema.upgrade()
        with db.transaction() as session:
            add_shop(session, DOMAIN, datetime.now(UTC), currency="USD", access_token=token)
    finally:
        db.disconnect()


def read(env: Mapping[str, str], folder: Path, kills: tuple[float, ...]) -> Reading:
    """Run `regulars backfill` to its end, killed at these shares of its way."""
    reading, left = Reading(), list(kills)
    deadline = time.monotonic() + WITHIN_S
    while True:
        with (folder / "backfill.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "regulars", "backfill", "--shop", DOMAIN],
                cwd=folder, env=dict(env), stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        ended = _watch(process, env, reading, left, deadline)
        if ended is not None:
            if ended:
                raise BenchmarkError(f"`regulars backfill` failed; see {folder}/backfill.log.")
            reading.rows = _progress(env)[1]
            return reading


def _watch(
    process: "subprocess.Popen[bytes]",
    env: Mapping[str, str],
    reading: Reading,
    kills: list[float],
    deadline: float,
) -> int | None:
    """Follow one process to its end; None when we ended it."""
    began = last = time.perf_counter()
    spent = 0.0
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise BenchmarkError("The reading does not end.")
            spent = cpu.seconds(process.pid) or spent
            reading.peak_mb = max(reading.peak_mb, peak_mb(process.pid))
            share, _, busy = _progress(env)
            now = time.perf_counter()
            reading.reading_s += now - last if busy else 0.0
            last = now
            if kills and share >= kills[0]:
                kills.pop(0)
                process.send_signal(signal.SIGKILL)
                process.wait()
                reading.kills += 1
                return None
            time.sleep(LOOK_EVERY_S)
        return process.returncode
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reading.wall_s += time.perf_counter() - began
        reading.cpu_s += spent


def _progress(env: Mapping[str, str]) -> tuple[float, int, bool]:
    """The share of the way, the lines read, and whether there is something to read now."""
    with contextlib.closing(_open(env)) as database:
        rows = database.execute(
            "SELECT state, lines_read, lines_available, done, total FROM backfill"
        ).fetchall()
    lines, objects = sum(row[1] for row in rows), sum(row[2] for row in rows)
    done, total = sum(row[3] for row in rows), sum(row[4] for row in rows)
    known = rows and all(state != "waiting" and state != "requested" for state, *_ in rows[:3])
    share = (lines + done) / (objects + total) if known and objects else 0.0
    return share, lines, any(state in ("reading", "joining") for state, *_ in rows)


def peak_mb(pid: int) -> float:
    """The most memory that a process has had at a time."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    line = next((each for each in text.splitlines() if each.startswith("VmHWM")), "VmHWM: 0 kB")
    return int(line.split()[1]) / 1024


def _open(env: Mapping[str, str]) -> sqlite3.Connection:
    return sqlite3.connect(f"{env['REGULARS_DATA_DIR']}/regulars.db", timeout=30)


def kept_in(env: Mapping[str, str]) -> dict[str, int]:
    """How much of each is in our database."""
    with contextlib.closing(_open(env)) as database:
        return {name: int(database.execute(sql).fetchone()[0]) for name, sql in KEPT.items()}


def wanted_by(store: Path) -> dict[str, int]:
    """The same, counted in the store."""
    with contextlib.closing(sqlite3.connect(store)) as database:
        ask = database.execute
        left = int(ask("SELECT count(*) FROM checkout WHERE order_id IS NULL").fetchone()[0])
        orders = int(ask(f"SELECT count(*) FROM orders WHERE {REAL}").fetchone()[0])
        size = f"SELECT count(*) FROM orders, json_each(body, '$.lines') AS line WHERE {REAL}{LEFT}"
        return {
            "profiles": int(ask("SELECT count(*) FROM customer").fetchone()[0]),
            "orders": orders,
            "order lines": int(ask(size).fetchone()[0]),
            "Placed Order": orders,
            "Checkout Started": left,
            "lines put aside": 0,
        }


def hash_of(env: Mapping[str, str]) -> str:
    encryption.set_keys({"1": KEY})
    db.connect(f"sqlite:///{env['REGULARS_DATA_DIR']}/regulars.db")
    try:
        with contextlib.closing(_open(env)) as database:
            shop_id = int(database.execute("SELECT id FROM shop").fetchone()[0])
        text = json.dumps(state_of(shop_id), sort_keys=True)
    finally:
        db.disconnect()
    port = env["REGULARS_SHOPIFY_ORIGIN"]  # links lead to a store's own port
    return hashlib.sha256(text.replace(port, "").encode()).hexdigest()


def _print(
    reading: Reading,
    customers: int,
    orders: int,
    kept: dict[str, int],
    wanted: dict[str, int],
    same: bool,
) -> None:
    report.say(
        f"A past of {customers:,} customers and {orders:,} orders, read by `regulars backfill` "
        f"into SQLite synchronous=FULL, killed {reading.kills} times on its way"
    )
    rows = [(name, f"{kept[name]:,}", f"{wanted[name]:,}") for name in kept]
    report.table(("", "kept", "in the store"), rows)
    report.say()
    report.table(
        ("", "rows a second", "a CPU second", "reading s", "all s", "peak MB"),
        [
            (
                f"{reading.rows:,} rows",
                f"{reading.rows / max(reading.reading_s, 0.01):,.0f}",
                f"{reading.rows / max(reading.cpu_s, 0.01):,.0f}",
                f"{reading.reading_s:.1f}",
                f"{reading.wall_s:.1f}",
                f"{reading.peak_mb:.0f}",
            )
        ],
    )
    words = "the same state as" if same else "ANOTHER STATE THAN"
    report.say(f"\nA short past read with three kills: {words} without\n")
