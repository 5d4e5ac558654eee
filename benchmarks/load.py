"""The load generator, in a process of its own: keep-alive connections that ask as fast as they may.

In: what to send, as JSON on standard input. Out: what was answered, as JSON on standard output.
Without a rate every connection asks again as soon as it is answered (closed loop); with one,
requests fall due on a timetable and a late answer does not put the next one off (open loop).
"""

import asyncio
import json
import math
import random
import subprocess
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import cast

import uvloop

from benchmarks.delivery import Request
from benchmarks.servers import ROOT, BenchmarkError

ANSWERS_WITHIN_S = 30.0


@dataclass(frozen=True)
class Result:
    """What came back: statuses with how often, answers that never came, times in milliseconds.

    `closed` of the unanswered ones are so because the server hung up.
    """

    statuses: dict[str, int]
    unanswered: int
    closed: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def answered(self) -> int:
        """How many requests were answered, in whatever way."""
        return sum(self.statuses.values())


def fire(
    port: int,
    request: Request,
    *,
    seconds: float,
    connections: int,
    per_second: float = 0.0,
) -> Result:
    """Send `request` for a while from another process.

    Args:
        per_second: the timetable's rate; 0 for as fast as they may.
    """
    plan = {
        "port": port,
        "before": request.before.decode("latin-1"),
        "after": request.after.decode("latin-1"),
        "seconds": seconds,
        "connections": connections,
        "per_second": per_second,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.load"],
            input=json.dumps(plan), capture_output=True, text=True, check=False, cwd=ROOT,
            timeout=seconds + 2 * ANSWERS_WITHIN_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BenchmarkError("The server stopped answering, and the load did not end.") from None
    if done.returncode or done.stderr:
        raise BenchmarkError(f"The load generator failed: {done.stderr.strip()[-300:]}")
    return Result(**json.loads(done.stdout))


class Load:
    """All connections together: who may ask next, and what came back."""

    def __init__(self, before: bytes, after: bytes, seconds: float, per_second: float) -> None:
        self.before, self.after = before, after
        self.seconds, self.per_second = seconds, per_second
        self.sent = 0
        self.statuses: Counter[str] = Counter()
        self.times: list[float] = []
        self.idle: deque[Connection] = deque()
        self.due: deque[float] = deque()
        self.ends = math.inf
        self.closed = 0

    async def run(self) -> None:
        """Send until time is up, then wait for the answers that are still out."""
        self.ends = time.perf_counter() + self.seconds
        connections, self.idle = self.idle, deque()
        for connection in connections:
            self.next(connection)
        if self.per_second:
            await self._keep_time()
        else:
            await asyncio.sleep(self.seconds)
        last = time.perf_counter() + ANSWERS_WITHIN_S
        while self.sent > self.statuses.total() + self.closed and time.perf_counter() < last:
            await asyncio.sleep(0.001)

    async def _keep_time(self) -> None:
        first = time.perf_counter()
        for number in range(int(self.seconds * self.per_second)):
            at = first + number / self.per_second
            if (wait := at - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            self.due.append(at)
            if self.idle:
                self.next(self.idle.popleft())
        while self.due:
            await asyncio.sleep(0.001)

    def next(self, connection: "Connection") -> None:
        """Let a connection ask, if there is anything to ask now."""
        now = time.perf_counter()
        if self.per_second:
            if not self.due:
                self.idle.append(connection)
                return
            now = self.due.popleft()
        elif now >= self.ends:
            return
        self.sent += 1
        # Shopify's own ids are random too: each lands on another page of the index.
        request = b"%b%032x%b" % (self.before, random.getrandbits(128), self.after)
        connection.ask(request, now)

    def answered(self, connection: "Connection", status: bytes) -> None:
        """Note an answer."""
        self.statuses[status.decode()] += 1
        self.times.append(time.perf_counter() - connection.since)
        self.next(connection)

    def result(self) -> Result:
        """What came back."""
        times = sorted(self.times) or [math.nan]
        took = self.seconds if self.per_second else time.perf_counter() - self.ends + self.seconds
        return Result(
            dict(self.statuses),
            self.sent - self.statuses.total(),
            self.closed,
            round(took, 3),
            round(times[len(times) // 2] * 1e3, 2),
            round(times[len(times) * 99 // 100] * 1e3, 2),
        )


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one question out."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.since = 0.0
        self.asking = False
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the start."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass
        self.load.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server hangs up: on an idle connection it may, on a question it must not."""
        if self in self.load.idle:
            self.load.idle.remove(self)
        elif self.asking:
            self.load.closed += 1

    def ask(self, request: bytes, since: float) -> None:
        """Send one request; its time runs from `since`."""
        self.since, self.asking = since, True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take an answer: our servers' have no body, and say so by their length."""
        self.rest += data
        head, end, rest = self.rest.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(x[15:]) for x in lines if x.startswith(b"content-length:")), 0)
        if len(rest) >= length:
            self.rest = rest[length:]
            self.asking = False
            self.load.answered(self, lines[0][9:12])


async def main() -> None:
    """Run the plan on standard input."""
    plan = json.load(sys.stdin)
    before, after = plan["before"].encode("latin-1"), plan["after"].encode("latin-1")
    load = Load(before, after, plan["seconds"], plan["per_second"])
    loop = asyncio.get_running_loop()
    for _ in range(plan["connections"]):
        await loop.create_connection(lambda: Connection(load), "127.0.0.1", plan["port"])
    await load.run()
    sys.stdout.write(json.dumps(asdict(load.result())))


if __name__ == "__main__":
    uvloop.run(main())
