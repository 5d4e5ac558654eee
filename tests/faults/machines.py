"""An installation of many machines, as processes of this one: webs, workers, senders and clocks by
themselves, PostgreSQL behind PgBouncer, and a broker beside them.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from plugin.runtime import parent_death
from tests import pooler
from tests.faults.postgres import Postgres
from tests.faults.rabbitmq import RabbitMq
from tests.faults.served import Served
from tests.faults.town import ROOT, answers, command_of, descendants, eventually, free_ports
from tests.sizes import PATIENCE

PARTS = ["web"] * 3 + ["worker"] * 3 + ["sender"] * 2 + ["clock"] * 2
BROKER_EVERY = 15  # kills; a node needs some 20 s to start anew
RESTARTS_AFTER_S = 5.0  # of its last start; by default systemd gives up after five in ten seconds


class Machines(Served):
    """Each process is started anew when it ends, whatever it died of."""

    def __init__(
        self, folder: Path, server: Postgres, broker: RabbitMq, *, smtp_url: str, program: str
    ) -> None:
        """
        Args:
            program: PgBouncer.
        """
        super().__init__(
            folder, database_url=server.url, broker_url=broker.url, smtp_url=smtp_url, whole=True
        )
        self.broker = broker
        self.port, *self.more_ports = free_ports(PARTS.count("web"))
        # A short path, as a socket's must be, that the server's own user can enter.
        self._pool = server.folder.with_name(f"{server.folder.name}-pool")
        self._pool_user = server.user
        self._pool_words = pooler.command(program, self._pool, server.url, server.user)
        pooled = f"{server.url.partition('?')[0]}?host={self._pool}&port=6432"
        self._env["REGULARS_DATABASE_URL"] = pooled
        self.killed: Counter[str] = Counter()
        self.started: Counter[str] = Counter()
        self._started_at: dict[tuple[str, int], float] = {}
        self._places: dict[tuple[str, int], subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start all, and wait until each web process answers."""
        self.keep()
        eventually("the pooler listens", (self._pool / ".s.PGSQL.6432").exists, within_s=30)
        for port in (self.port, *self.more_ports):
            eventually("a web answers", lambda port=port: self._well(port), within_s=120)

    def _well(self, port: int) -> bool:
        self.keep()
        return answers(f"http://127.0.0.1:{port}/healthz")

    def keep(self) -> None:
        """Start anew what has ended, as an operator's init does."""
        for place in [("pgbouncer", 0), *((part, n) for n, part in enumerate(PARTS))]:
            process = self._places.get(place)
            early = time.monotonic() < self._started_at.get(place, 0.0) + RESTARTS_AFTER_S
            if not early and (process is None or process.poll() is not None):
                self._started_at[place] = time.monotonic()
                self._places[place] = self._run(*place)
                self.started[place[0]] += 1

    def _run(self, part: str, number: int) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "regulars", part]
        if part == "web":
            words += ["--port", str((self.port, *self.more_ports)[number])]
        pooler_runs = part == "pgbouncer"
        with (self.folder / f"{part}.log").open("ab") as log:
            return subprocess.Popen(
                self._pool_words if pooler_runs else words,
                user=self._pool_user if pooler_runs else None,
                cwd=ROOT, env=self._env, stdout=log, stderr=subprocess.STDOUT,
                preexec_fn=parent_death.exit_with_parent,
            )  # fmt: skip

    def kill_one(self, chance: random.Random) -> None:
        """kill -9 a process of any part, however deep below what was started; then start anew."""
        if self.killed.total() % BROKER_EVERY == BROKER_EVERY - 1:
            self.killed["rabbitmq"] += 1
            self.broker.kill()
            self.broker.start()
            return
        (part, _), top = chance.choice(list(self._places.items()))
        pid = chance.choice([top.pid, *descendants(top.pid)])
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.killed[part] += 1
        self.keep()

    def strays(self) -> list[str]:
        """What still runs of what was killed, below none of what was started last."""
        tops = [each.pid for each in self._places.values()]
        known = {*tops, *(pid for top in tops for pid in descendants(top))}
        ours = f"REGULARS_DATA_DIR={self.data}\0".encode()
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) not in known:
                with contextlib.suppress(OSError):
                    if ours in (folder / "environ").read_bytes():
                        found.append(command_of(int(folder.name)))
        return found

    def stop(self) -> None:
        """End every process, by its id."""
        below = [pid for each in self._places.values() for pid in descendants(each.pid)]
        for process in self._places.values():
            process.terminate()
        until = time.monotonic() + 30 * PATIENCE
        for process in self._places.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
        for pid in [each.pid for each in self._places.values() if each.poll() is None] + below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self._places.values():
            process.wait()
        shutil.rmtree(self._pool, ignore_errors=True)
