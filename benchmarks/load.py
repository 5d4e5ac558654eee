"""The load generator, in a process of its own: keep-alive connections that send as fast as they
may.

It reads what to send, as JSON on standard input, and writes the responses, as JSON on standard
output. Without a rate every connection sends again as soon as it is answered (closed loop); with
one, requests fall due on a timetable and a late answer does not delay the next one (open loop):
times count from the moment on the timetable. One that insists sends again what was not answered
200, as Shopify does, under the same id.
"""

import asyncio
import heapq
import itertools
import json
import math
import random
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import uvloop

from benchmarks.delivery import Request
from benchmarks.servers import ROOT, BenchmarkError
from benchmarks.traffic import Traffic

ANSWERS_WITHIN_S = 30.0
INSISTS_FOR_S = 900.0
RECONNECT_S, LOOK_EVERY_S = 0.1, 0.05
MOST_REQUESTS = 20_000  # made beforehand; then they begin anew, under other ids


@dataclass(frozen=True)
class Result:
    """The responses: statuses with how often, missing ones, times in milliseconds.

    Of the missing ones, `closed` failed because the server hung up, `late` because the client
    stopped waiting. Where the timetable has several parts, `parts` has the figures of each.
    """

    statuses: dict[str, int]
    unanswered: int
    closed: int
    seconds: float
    p50_ms: float
    p99_ms: float
    late: int = 0
    max_ms: float = 0.0
    parts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def answered(self) -> int:
        """How many requests got any answer."""
        return sum(self.statuses.values())


def fire(
    port: int,
    what: Request | Traffic,
    *,
    seconds: float,
    connections: int,
    per_second: float = 0.0,
    **more: Any,
) -> Result:
    """Send for a while from another process.

    Args:
        per_second: the timetable's rate; 0 for as fast as they may.
        more: see `play`.
    """
    return play(port, what, [(seconds, per_second)], connections=connections, **more)


def play(
    port: int,
    what: Request | Traffic,
    parts: Sequence[tuple[float, float]],
    *,
    connections: int,
    waits_s: float = ANSWERS_WITHIN_S,
    again_s: float = 0.0,
    answers: Path | None = None,
    more_ports: Sequence[int] = (),
) -> Result:
    """Send by a timetable of several parts, each (seconds, requests a second).

    Args:
        waits_s: how long an answer may take before the connection is given up.
        again_s: send what was not answered 200 again after so long, until it is.
        answers: a file for one line an answer: id, status, seconds since the start, milliseconds.
        more_ports: other processes of the same app; connections go to each in turn.
    """
    plan: dict[str, Any] = {
        "ports": [port, *more_ports],
        "parts": list(parts),
        "connections": connections,
        "waits_s": waits_s,
        "again_s": again_s,
        "answers": str(answers or ""),
    }
    if isinstance(what, Traffic):
        plan["traffic"] = asdict(what)
    else:
        plan["before"] = what.before.decode("latin-1")
        plan["after"] = what.after.decode("latin-1")
    lasts_s = sum(seconds for seconds, _ in parts) + 2 * ANSWERS_WITHIN_S
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.load"],
            input=json.dumps(plan), capture_output=True, text=True, check=False, cwd=ROOT,
            timeout=lasts_s + (INSISTS_FOR_S if again_s else 0.0),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BenchmarkError("The server stopped answering, and the load did not end.") from None
    if done.returncode or done.stderr:
        raise BenchmarkError(f"The load generator failed: {done.stderr.strip()[-300:]}")
    return Result(**json.loads(done.stdout))


@dataclass(slots=True)
class Question:
    """One request on its way: when it was due, in which part of the timetable, how often sent."""

    webhook_id: str
    raw: bytes
    due: float
    part: int
    tries: int = 0


class Figures:
    """What came back in one part of the timetable."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.times: list[float] = []
        self.closed = self.late = 0

    def told(self) -> dict[str, Any]:
        """Return the last line's values; milliseconds of each delivery's first answer."""
        times = sorted(self.times) or [math.nan]
        return {
            "statuses": dict(self.statuses),
            "closed": self.closed,
            "late": self.late,
            "p50_ms": round(times[len(times) // 2] * 1e3, 2),
            "p99_ms": round(times[len(times) * 99 // 100] * 1e3, 2),
            "max_ms": round(times[-1] * 1e3, 2),
        }


class Load:
    """All connections together: who may ask next, and what came back."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.parts: list[tuple[float, float]] = [(s, r) for s, r in plan["parts"]]
        self.seconds = sum(seconds for seconds, _ in self.parts)
        self.timed = bool(self.parts[0][1])
        self.ports = itertools.cycle(plan["ports"])
        self.requests = itertools.cycle(_requests(plan, self.parts))
        self.figures = [Figures() for _ in self.parts]
        self.sent = 0
        self.settled = 0
        self.idle: deque[Connection] = deque()
        self.busy: set[Connection] = set()
        self.due: deque[Question] = deque()
        self.again: list[tuple[float, int, Question]] = []
        self.answers: list[str] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.began = self.ends = math.inf

    async def run(self) -> None:
        """Send until time is up, then wait for the answers that are still out."""
        loop = asyncio.get_running_loop()
        for _ in range(self.plan["connections"]):
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", next(self.ports))
        self.began = time.perf_counter()
        self.ends = self.began + self.seconds
        keeper = loop.create_task(self._keep_order())
        connections, self.idle = self.idle, deque()
        for connection in connections:
            self.next(connection)
        if self.timed:
            await self._keep_time()
        else:
            await asyncio.sleep(self.seconds)
        last = time.perf_counter() + (INSISTS_FOR_S if self.plan["again_s"] else ANSWERS_WITHIN_S)
        while self.sent > self.settled and time.perf_counter() < last:
            await asyncio.sleep(0.001)
        keeper.cancel()

    async def _keep_time(self) -> None:
        first = time.perf_counter()
        for part, (seconds, per_second) in enumerate(self.parts):
            for number in range(int(seconds * per_second)):
                at = first + number / per_second
                if (wait := at - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                self.due.append(self._question(at, part))
                self.sent += 1
                if self.idle:
                    self.next(self.idle.popleft())
            first += seconds

    def _question(self, at: float, part: int) -> Question:
        request = next(self.requests)
        # Shopify's own ids are random too: each lands on another page of the index.
        webhook_id = f"{random.getrandbits(128):032x}"
        return Question(
            webhook_id, b"%b%b%b" % (request.before, webhook_id.encode(), request.after), at, part
        )

    async def _keep_order(self) -> None:
        """Give up what takes too long, and send again what is due again."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now = time.perf_counter()
            for connection in list(self.busy):
                if now - connection.since > self.plan["waits_s"]:
                    connection.given_up = True
                    connection.transport.abort()
            while self.again and self.again[0][0] <= now:
                self.due.appendleft(heapq.heappop(self.again)[2])
            while self.due and self.idle:
                self.next(self.idle.popleft())

    def next(self, connection: "Connection") -> None:
        """Let a connection ask, if there is anything to ask now."""
        if self.due:
            connection.ask(self.due.popleft())
        elif self.timed:
            self.idle.append(connection)
        elif (now := time.perf_counter()) < self.ends:
            self.sent += 1
            connection.ask(self._question(now, 0))

    def answered(self, connection: "Connection", question: Question, status: str) -> None:
        """Note an answer."""
        now, of = time.perf_counter(), self.figures[question.part]
        of.statuses[status] += 1
        took = now - question.due
        if question.tries == 1:
            of.times.append(took)
        if self.plan["answers"]:
            sent = now - connection.since
            self.answers.append(
                f"{question.webhook_id} {status} {now - self.began:.3f} {sent * 1e3:.1f}"
            )
        self._settle(question, kept=status.startswith("2"))
        self.next(connection)

    def lost(self, connection: "Connection", question: Question | None) -> None:
        """The server hangs up: on an idle connection it may, on a question it must not."""
        with suppress(ValueError):
            self.idle.remove(connection)
        if question is not None:
            of = self.figures[question.part]
            of.closed += not connection.given_up
            of.late += connection.given_up
            self._settle(question, kept=False)
        task = asyncio.get_running_loop().create_task(self._connect())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.create_connection(
                    lambda: Connection(self), "127.0.0.1", next(self.ports)
                )
            except OSError:
                await asyncio.sleep(RECONNECT_S)
            else:
                return

    def _settle(self, question: Question, *, kept: bool) -> None:
        if kept or not self.plan["again_s"]:
            self.settled += 1
        else:
            at = time.perf_counter() + self.plan["again_s"]
            heapq.heappush(self.again, (at, id(question), question))

    def result(self) -> dict[str, Any]:
        """What came back, of all parts together and of each."""
        took = self.seconds if self.timed else time.perf_counter() - self.ends + self.seconds
        whole = Figures()
        for of in self.figures:
            whole.statuses += of.statuses
            whole.times += of.times
            whole.closed += of.closed
            whole.late += of.late
        unanswered = self.sent - whole.statuses.total() if not self.plan["again_s"] else 0
        parts = [of.told() for of in self.figures] if len(self.parts) > 1 else []
        return whole.told() | {
            "unanswered": unanswered,
            "seconds": round(took, 3),
            "parts": parts,
        }


def _requests(plan: dict[str, Any], parts: Sequence[tuple[float, float]]) -> Iterable[Request]:
    if "traffic" not in plan:
        return [Request(plan["before"].encode("latin-1"), plan["after"].encode("latin-1"))]
    said = plan["traffic"]
    wanted = sum(int(seconds * per_second) for seconds, per_second in parts) or MOST_REQUESTS
    traffic = Traffic(**said | {"domains": tuple(said["domains"])})
    return list(traffic.requests(min(wanted, MOST_REQUESTS)))


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one question out."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.since = 0.0
        self.question: Question | None = None
        self.given_up = False
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the start, or for the next that is due."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass
        if self.load.began < math.inf:
            self.load.next(self)
        else:
            self.load.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The line is gone, with a question on it or without."""
        self.load.busy.discard(self)
        question, self.question = self.question, None
        self.load.lost(self, question)

    def ask(self, question: Question) -> None:
        """Send one request."""
        if self.transport.is_closing():
            self.load.due.appendleft(question)  # the server went away while we waited
            return
        self.question, self.since = question, time.perf_counter()
        question.tries += 1
        self.load.busy.add(self)
        self.transport.write(question.raw)

    def data_received(self, data: bytes) -> None:
        """Take an answer: our servers' have no body, and say so by their length."""
        self.rest += data
        head, end, rest = self.rest.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(x[15:]) for x in lines if x.startswith(b"content-length:")), 0)
        if len(rest) < length or self.question is None:
            return
        self.rest = rest[length:]
        question, self.question = self.question, None
        self.load.busy.discard(self)
        self.load.answered(self, question, lines[0][9:12].decode())


async def main() -> None:
    """Run the plan on standard input."""
    load = Load(json.load(sys.stdin))
    await load.run()
    if load.plan["answers"]:
        Path(load.plan["answers"]).write_text("\n".join(load.answers))
    sys.stdout.write(json.dumps(load.result()))


if __name__ == "__main__":
    uvloop.run(main())
