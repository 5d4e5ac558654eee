"""Webhook ingest: the CPU of one delivery, durable before its 200, against two peers.

ours  the product: `regulars web`, migrated SQLite, an installed store, our own Valkey as the bell
bare  the floor: a Starlette route that answers an empty 200, same server, same flags
node  what one would take instead: Shopify's official library, express, SQLite with the same fsync

They run in turn, each pass with a fresh process, port and database; ratios are taken pass by pass.
"""

import contextlib
import shutil
import sqlite3
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks import cpu, delivery, load, peers, report
from benchmarks.servers import (
    ROOT,
    BenchmarkError,
    clean_env,
    free_port,
    listens,
    running,
)
from plugin import valkey
from plugin.serve import answers
from storage import db, schema
from storage.shops import add_shop

NAMES = ("ours", "bare", "node")
SECRET = "the secret of a benchmark"
CONNECTIONS = 32
CALM_PER_S = 300
FLAGS = ("--no-access-log", "--no-proxy-headers", "--no-server-header", "--log-level", "warning")


@dataclass(frozen=True)
class Server:
    """A running server under test."""

    port: int
    pid: int
    kept: Callable[[], int] | None = None
    broker: int | None = None


@dataclass
class Pass:
    """One server's figures in one pass."""

    us: float
    broker_us: float
    result: load.Result


@dataclass
class Figures:
    """All counted passes of one server."""

    passes: list[Pass] = field(default_factory=list)

    @property
    def us(self) -> list[float]:
        """CPU microseconds of one delivery, pass by pass."""
        return [each.us for each in self.passes]

    def middle(self, of: Callable[[Pass], float], digits: int = 1) -> float | None:
        """The median over the passes."""
        return report.middle([of(each) for each in self.passes], digits)


def options(parser: ArgumentParser) -> None:
    """What can be asked for on the command line."""
    parser.add_argument("--quick", action="store_true", help="one short pass; a smoke test")
    parser.add_argument("--only", default=",".join(NAMES), help="which servers: ours,bare,node")
    parser.add_argument("--passes", type=int, default=0, help="counted passes after the warm-up")
    parser.add_argument("--seconds", type=float, default=0.0, help="of load in each pass")


def run(asked: Namespace) -> int:
    """Measure, print, and say by the exit code whether everything that was asked for ran."""
    names = [name for name in NAMES if name in asked.only.split(",")]
    passes = asked.passes or (1 if asked.quick else 5)
    seconds = asked.seconds or (0.5 if asked.quick else 4.0)
    missing = ""
    with _folder() as folder:
        starts = {"ours": _ours(folder), "bare": _bare, "node": None}
        if "node" in names:
            try:
                starts["node"] = _node()
            except BenchmarkError as error:
                missing = str(error)
                names.remove("node")
        busy = {name: Figures() for name in names}
        calm = {name: Figures() for name in names if name != "bare"}
        for number in range(0 if asked.quick else -1, passes):
            for name in names:
                start = starts[name]
                assert start is not None
                found = _measure(start, folder, seconds, f"{name}-{number}", 0)
                if number >= 0:
                    busy[name].passes.append(found)
        for number in range(0 if asked.quick else 3):
            for name in calm:
                start = starts[name]
                assert start is not None
                found = _measure(start, folder, seconds, f"{name}-calm-{number}", CALM_PER_S)
                calm[name].passes.append(found)
        fsyncs = report.fsyncs_per_second(folder)
    _print(busy, calm, seconds, fsyncs)
    if missing:
        report.say(f"The Node peer was left out: {missing}")
    report.line("ingest", _figures(busy, calm, passes, seconds, fsyncs))
    return 1 if missing else 0


Start = Callable[[Path], contextlib.AbstractContextManager[Server]]


def _measure(start: Start, folder: Path, seconds: float, run: str, per_second: float) -> Pass:
    """One pass: a short warm-up that is not counted, then the load.

    Raises:
        BenchmarkError: an answer was not 200, or a delivery that was answered is not kept.
    """
    request = delivery.signed(SECRET)
    with tempfile.TemporaryDirectory(dir=folder) as place, start(Path(place)) as server:
        warm = load.fire(server.port, request, seconds=seconds / 4, connections=CONNECTIONS)
        before = [cpu.seconds(pid) if pid else 0.0 for pid in (server.pid, server.broker)]
        result = load.fire(
            server.port, request, seconds=seconds, connections=CONNECTIONS,
            per_second=per_second,
        )  # fmt: skip
        after = [cpu.seconds(pid) if pid else 0.0 for pid in (server.pid, server.broker)]
        for each in (warm, result):
            if each.unanswered or set(each.statuses) != {"200"}:
                raise BenchmarkError(
                    f"{run}: {each.statuses}, {each.unanswered} unanswered, "
                    f"{each.closed} of them because the server hung up."
                )
        answered = warm.answered + result.answered
        if server.kept is not None and (kept := server.kept()) != answered:
            raise BenchmarkError(f"{run}: {answered} deliveries were answered, {kept} are kept.")
    ours, broker = ((b - a) / result.answered * 1e6 for a, b in zip(before, after, strict=True))
    return Pass(ours, broker, result)


def _ours(folder: Path) -> Start:
    """The product, on a copy of a database that is migrated once."""
    template = folder / "template"
    template.mkdir()
    db.connect(f"sqlite:///{template / 'regulars.db'}")
    try:
        schema.upgrade()
        with db.transaction() as session:
            add_shop(session, delivery.DOMAIN, datetime.now(UTC), name="Dewpoint")
        _require_durable()
    finally:
        db.disconnect()

    @contextlib.contextmanager
    def start(place: Path) -> Generator[Server]:
        data, port = place / "data", free_port()
        shutil.copytree(template, data)
        lock = valkey.claim(data)
        env = clean_env(
            REGULARS_DATA_DIR=str(data),
            REGULARS_SECRET_KEY="a key for a benchmark that is long enough",
            REGULARS_SHOPIFY_CLIENT_ID="benchmark",
            REGULARS_SHOPIFY_CLIENT_SECRET=SECRET,
        )
        web = [sys.executable, "-m", "regulars", "web", "--port", str(port)]
        broker = running(valkey.command(data), place, lambda: valkey.answers(data), env, fds=[lock])
        # It takes its port before it is loaded.
        ready = partial(answers, "127.0.0.1", port, "/readyz")
        with broker as broker_pid, running(web, place, ready, env) as pid:
            inbox = data / "regulars-inbox.db"
            yield Server(port, pid, lambda: _count(inbox), broker_pid)

    return start


def _require_durable() -> None:
    """The product's own connection to the inbox must sync every commit to the disk."""
    with db.inbox_engine().connect() as connection:
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
    if (journal, synchronous) != ("wal", 2):
        raise BenchmarkError(f"The inbox has journal_mode {journal}, synchronous {synchronous}.")


@contextlib.contextmanager
def _bare(place: Path) -> Generator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.bare:app", "--port", str(port), *FLAGS]
    with running(command, place, lambda: listens(port), clean_env()) as pid:
        yield Server(port, pid)


def _node() -> Start:
    node = peers.find_node()
    packages = peers.install(ROOT / "benchmarks" / "node", node)

    @contextlib.contextmanager
    def start(place: Path) -> Generator[Server]:
        port, database = free_port(), place / "node.db"
        env = clean_env(PORT=str(port), DATABASE=str(database), SECRET=SECRET)
        command = [node.node, str(packages / "ingest.mjs")]
        with running(command, place, lambda: listens(port), env) as pid:
            yield Server(port, pid, lambda: _count(database))

    return start


def _count(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM delivery").fetchone()[0])


@contextlib.contextmanager
def _folder() -> Generator[Path]:
    """A folder on the disk that the checkout is on; a temporary one may be in memory."""
    peers.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=peers.CACHE) as folder:
        yield Path(folder)


WHO = {
    "ours": "ours: regulars web, SQLite synchronous=FULL",
    "bare": "bare: Starlette, empty 200, keeps nothing",
    "node": "node: @shopify/shopify-api, express, node:sqlite FULL",
}


def _print(busy: dict[str, Figures], calm: dict[str, Figures], seconds: float, fsyncs: int) -> None:
    head = ("", "CPU us each", "lowest", "highest", "a second", "p50 ms", "p99 ms")
    passes = max((len(each.passes) for each in busy.values()), default=0)
    report.say(
        f"Webhook ingest, {delivery.SIZE} bytes, {CONNECTIONS} connections, {passes} x "
        f"{seconds:g} s each in turn; {fsyncs} fsyncs a second"
    )
    report.table(head, [_row(WHO[name], of) for name, of in busy.items()])
    ours, bare, node = (busy.get(name, Figures()) for name in NAMES)
    for words, pairs, target in (
        ("ours / bare", report.ratios(ours.us, bare.us), "at most 3"),
        ("node / ours", report.ratios(node.us, ours.us), "at least 5"),
    ):
        if pairs:
            report.say(f"{words}: {report.middle(pairs)} (should be {target})")
    if ours.passes:
        report.say(
            f"Counted is each server with its children. Valkey beside ours: "
            f"{ours.middle(lambda p: p.broker_us)} us. Every answer was 200, and each is kept."
        )
    if any(of.passes for of in calm.values()):
        report.say(
            f"\nThe same at a calm {CALM_PER_S} a second, when few deliveries share a commit"
        )
        report.table(head, [_row(WHO[name], of) for name, of in calm.items() if of.passes])
    report.say()


def _row(who: str, of: Figures) -> Sequence[str]:
    return (
        who,
        f"{of.middle(lambda p: p.us)}",
        f"{min(of.us):.1f}",
        f"{max(of.us):.1f}",
        f"{of.middle(lambda p: p.result.answered / p.result.seconds, 0):.0f}",
        f"{of.middle(lambda p: p.result.p50_ms)}",
        f"{of.middle(lambda p: p.result.p99_ms)}",
    )


def _figures(
    busy: dict[str, Figures], calm: dict[str, Figures], passes: int, seconds: float, fsyncs: int
) -> dict[str, float | int | str | None]:
    ours, bare, node = (busy.get(name, Figures()) for name in NAMES)
    calm_ours, calm_node = (calm.get(name, Figures()) for name in ("ours", "node"))
    return {
        "ours_us": ours.middle(lambda p: p.us),
        "bare_us": bare.middle(lambda p: p.us),
        "node_us": node.middle(lambda p: p.us),
        "ours_vs_bare": report.middle(report.ratios(ours.us, bare.us)),
        "node_vs_ours": report.middle(report.ratios(node.us, ours.us)),
        "valkey_us": ours.middle(lambda p: p.broker_us),
        "connections": CONNECTIONS,
        "passes": passes,
        "seconds": seconds,
        "answered": sum(p.result.answered for p in ours.passes),
        "lost": 0,  # a pass that loses one ends the run
        "calm_per_s": CALM_PER_S,
        "calm_ours_us": calm_ours.middle(lambda p: p.us),
        "calm_node_us": calm_node.middle(lambda p: p.us),
        "calm_ours_p99_ms": calm_ours.middle(lambda p: p.result.p99_ms),
        "calm_node_p99_ms": calm_node.middle(lambda p: p.result.p99_ms),
        "fsyncs_per_s": fsyncs,
    }
