"""Webhook ingest: the CPU of one delivery, durable before its 200, against two peers.

ours      the product: `regulars web`, migrated SQLite, an installed store, our own Valkey as broker
postgres  the same on PostgreSQL, a server of our own from a wheel bare      the floor: a Starlette
route that answers an empty 200, same server, same flags node      the alternative: Shopify's
official library, express, SQLite with fsync

They run in turn, each pass with a fresh process, port and database; ratios are taken pass by pass.
"""

import contextlib
import itertools
import shutil
import sqlite3
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from benchmarks import cpu, delivery, load, peers, report
from benchmarks.postgres import postgres
from benchmarks.servers import (
    ROOT,
    SECRET,
    SETTINGS,
    BenchmarkError,
    clean_env,
    free_port,
    listens,
    running,
    web,
)
from storage import schema
from storage.engine import db
from storage.shops import add_shop

NAMES = ("ours", "postgres", "bare", "node")
CONNECTIONS = 32
CALM_PER_S = 300
FLAGS = ("--no-access-log", "--no-proxy-headers", "--no-server-header", "--log-level", "warning")


@dataclass(frozen=True)
class Server:
    """A running server under test."""

    port: int
    pid: int
    kept: Callable[[], int] | None = None
    beside: int | None = None


@dataclass
class Pass:
    """One server's figures in one pass; `beside_us` is what the server that it calls takes."""

    us: float
    beside_us: float
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
    parser.add_argument(
        "--only", default=",".join(NAMES), help="which servers: ours,postgres,bare,node"
    )
    parser.add_argument("--passes", type=int, default=0, help="counted passes after the warm-up")
    parser.add_argument("--seconds", type=float, default=0.0, help="of load in each pass")


def run(asked: Namespace) -> int:
    """Measure, print, and say by the exit code whether everything that was asked for ran."""
    names = [name for name in NAMES if name in asked.only.split(",")]
    passes = asked.passes or (1 if asked.quick else 5)
    seconds = asked.seconds or (0.5 if asked.quick else 4.0)
    missing: list[str] = []
    with _folder() as folder, contextlib.ExitStack() as stack:
        starts: dict[str, Start] = {}
        peers_here = {"ours": _ours, "postgres": _postgres, "bare": _bare, "node": _node}
        for name in [*names]:
            try:
                starts[name] = peers_here[name](folder, stack)
            except BenchmarkError as error:
                missing.append(f"{name} was left out: {error}")
                names.remove(name)
        busy = {name: Figures() for name in names}
        calm = {name: Figures() for name in names if name in ("ours", "node")}
        for number in range(0 if asked.quick else -1, passes):
            for name in names:
                found = _measure(starts[name], folder, seconds, f"{name}-{number}", 0)
                if number >= 0:
                    busy[name].passes.append(found)
        for number in range(0 if asked.quick else 3):
            for name in calm:
                run = f"{name}-calm-{number}"
                found = _measure(starts[name], folder, seconds, run, CALM_PER_S)
                calm[name].passes.append(found)
        fsyncs = report.fsyncs_per_second(folder)
    _print(busy, calm, seconds, fsyncs)
    for words in missing:
        report.say(words)
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
        before = [cpu.seconds(pid) if pid else 0.0 for pid in (server.pid, server.beside)]
        result = load.fire(
            server.port, request, seconds=seconds, connections=CONNECTIONS,
            per_second=per_second,
        )  # fmt: skip
        after = [cpu.seconds(pid) if pid else 0.0 for pid in (server.pid, server.beside)]
        for each in (warm, result):
            if each.unanswered or set(each.statuses) != {"200"}:
                raise BenchmarkError(
                    f"{run}: {each.statuses}, {each.unanswered} unanswered, "
                    f"{each.closed} of them because the server hung up."
                )
        answered = warm.answered + result.answered
        if server.kept is not None and (kept := server.kept()) != answered:
            raise BenchmarkError(f"{run}: {answered} deliveries were answered, {kept} are kept.")
    ours, beside = ((b - a) / result.answered * 1e6 for a, b in zip(before, after, strict=True))
    return Pass(ours, beside, result)


def _ours(folder: Path, stack: contextlib.ExitStack) -> Start:
    """The product, on a copy of a database that is migrated once."""
    template = folder / "template"
    template.mkdir()
    _prepare(f"sqlite:///{template / 'regulars.db'}")

    @contextlib.contextmanager
    def start(place: Path) -> Generator[Server]:
        data = place / "data"
        shutil.copytree(template, data)
        with web(place, data, **SETTINGS) as (port, pid, broker):
            inbox = data / "regulars-inbox.db"
            yield Server(port, pid, lambda: _count(inbox, "arrival"), broker)

    return start


def _postgres(folder: Path, stack: contextlib.ExitStack) -> Start:
    """The product on PostgreSQL, a copy of a database that is migrated once."""
    server = stack.enter_context(postgres())
    _prepare(server.create("ours"))
    numbers = itertools.count()

    @contextlib.contextmanager
    def start(place: Path) -> Generator[Server]:
        url, data = server.create(f"pass_{next(numbers)}", "ours"), place / "data"
        data.mkdir()
        with web(place, data, **SETTINGS, REGULARS_DATABASE_URL=url) as (port, pid, _):
            yield Server(port, pid, lambda: _count_in(url), server.pid)

    return start


def _prepare(url: str) -> None:
    db.connect(url)
    try:
        schema.upgrade()
        with db.transaction() as session:
            add_shop(session, delivery.DOMAIN, datetime.now(UTC), name="Dewpoint")
        _require_durable()
    finally:
        db.disconnect()


def _require_durable() -> None:
    """The product's own connection to the inbox must sync every commit to the disk."""
    with db.inbox_engine().connect() as connection:
        if not db.is_sqlite(db.inbox_engine()):
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                if (is_on := connection.exec_driver_sql(f"SHOW {name}").scalar()) != "on":
                    raise BenchmarkError(f"PostgreSQL has {name} {is_on}.")
            return
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
    if (journal, synchronous) != ("wal", 2):
        raise BenchmarkError(f"The inbox has journal_mode {journal}, synchronous {synchronous}.")


def _bare(folder: Path, stack: contextlib.ExitStack) -> Start:
    @contextlib.contextmanager
    def start(place: Path) -> Generator[Server]:
        port = free_port()
        server = [sys.executable, "-m", "uvicorn", "benchmarks.bare:app", "--port", str(port)]
        with running([*server, *FLAGS], place, lambda: listens(port), clean_env()) as pid:
            yield Server(port, pid)

    return start


def _node(folder: Path, stack: contextlib.ExitStack) -> Start:
    node = peers.find_node()
    packages = peers.install(ROOT / "benchmarks" / "node", node)

    @contextlib.contextmanager
    def start(place: Path) -> Generator[Server]:
        port, database = free_port(), place / "node.db"
        env = clean_env(PORT=str(port), DATABASE=str(database), SECRET=SECRET)
        command = [node.node, str(packages / "ingest.mjs")]
        with running(command, place, lambda: listens(port), env) as pid:
            yield Server(port, pid, lambda: _count(database, "delivery"))

    return start


def _count(database: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _count_in(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM delivery").fetchone()
    assert found is not None
    return int(found[0])


@contextlib.contextmanager
def _folder() -> Generator[Path]:
    """A folder on the disk that the checkout is on; a temporary one may be in memory."""
    peers.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=peers.CACHE) as folder:
        yield Path(folder)


WHO = {
    "ours": "ours: regulars web, SQLite synchronous=FULL",
    "postgres": "ours: regulars web, PostgreSQL fsync=on",
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
    ours, postgres, bare, node = (busy.get(name, Figures()) for name in NAMES)
    for words, pairs, target in (
        ("ours / bare", report.ratios(ours.us, bare.us), "at most 3"),
        ("ours on PostgreSQL / bare", report.ratios(postgres.us, bare.us), "at most 3"),
        ("node / ours", report.ratios(node.us, ours.us), "at least 5"),
    ):
        if pairs:
            report.say(f"{words}: {report.middle(pairs)} (should be {target})")
    if ours.passes:
        report.say(
            f"Counted is each server with its children. Valkey beside ours: "
            f"{ours.middle(lambda p: p.beside_us)} us. Every answer was 200, and each is kept."
        )
    if postgres.passes:
        report.say(f"PostgreSQL itself: {postgres.middle(lambda p: p.beside_us)} us.")
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
    ours, postgres, bare, node = (busy.get(name, Figures()) for name in NAMES)
    calm_ours, calm_node = (calm.get(name, Figures()) for name in ("ours", "node"))
    return {
        "ours_us": ours.middle(lambda p: p.us),
        "bare_us": bare.middle(lambda p: p.us),
        "node_us": node.middle(lambda p: p.us),
        "postgres_us": postgres.middle(lambda p: p.us),
        "postgres_itself_us": postgres.middle(lambda p: p.beside_us),
        "postgres_vs_bare": report.middle(report.ratios(postgres.us, bare.us)),
        "ours_vs_bare": report.middle(report.ratios(ours.us, bare.us)),
        "node_vs_ours": report.middle(report.ratios(node.us, ours.us)),
        "valkey_us": ours.middle(lambda p: p.beside_us),
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
