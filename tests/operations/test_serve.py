"""`regulars serve` whole: up, healed after every kill, ended in order, its data kept."""

import json
import os
import signal
import sqlite3
import sys
import time
import urllib.error
import urllib.request

import pytest

from tests.operations.processes import (
    SETTINGS,
    alive,
    below,
    environment,
    free_port,
    run,
    running,
    until,
)
from tests.sizes import PATIENCE

PARTS = (
    "valkey-server", "regulars clock", "dramatiq regulars:broker", "dramatiq regulars:senders",
    "regulars web",
)  # fmt: skip


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def serving(tmp_path, port):
    command = [sys.executable, "-m", "regulars", "serve", "--port", str(port)]
    return running(command, cwd=tmp_path, env=environment(**SETTINGS))


def ready(port):
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/readyz", timeout=5 * PATIENCE
        ) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def one(supervisor, part):
    """The process of a part that the supervisor itself started."""
    found = [
        pid
        for pid, line in below(supervisor).items()
        if part in line and _parent(pid) == supervisor
    ]
    return found[0] if found else None


def _parent(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123  a file of the kernel's
            return int(stat.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def test_o02_serve_heals_after_every_kill_and_stops_in_order(serving, port, tmp_path):
    with serving as supervisor:
        until(lambda: ready(port), "ready")
        until(lambda: len(below(supervisor.pid)) == 7, "five parts and dramatiq's own processes")
        for part in PARTS:
            before = one(supervisor.pid, part)
            os.kill(before, signal.SIGKILL)
            until(lambda p=part, b=before: one(supervisor.pid, p) not in (None, b), part, 10)
            until(lambda: ready(port), f"ready after {part} was killed", 20)
        everybody = below(supervisor.pid)
        kept = (tmp_path / "var/data").rglob("*")
        assert not [path for path in kept if path.lstat().st_mode & 0o077]

        second = run("serve", "--port", str(free_port()), cwd=tmp_path, **SETTINGS)
        assert f"already running on var/data (process {supervisor.pid})" in second.stderr

        started = time.monotonic()
        supervisor.terminate()
        assert supervisor.wait(30 * PATIENCE) == 0
        assert time.monotonic() - started < 30 * PATIENCE

    assert not any(map(alive, everybody))
    with sqlite3.connect(tmp_path / "var/data/regulars.db") as database:
        [version] = database.execute("SELECT version_num FROM main_version").fetchone()
    database.close()
    assert version


def test_nothing_outlives_a_killed_supervisor_and_the_next_start_works(serving, port, tmp_path):
    with serving as supervisor:
        until(lambda: ready(port), "ready")
        until(lambda: len(below(supervisor.pid)) == 7, "five parts and dramatiq's own processes")
        everybody = below(supervisor.pid)
        supervisor.kill()
        until(lambda: not any(map(alive, everybody)), "everybody is gone", 15)

    command = [sys.executable, "-m", "regulars", "serve", "--port", str(port), "--web", "2"]
    settings = environment(**SETTINGS, REGULARS_LOG_FORMAT="json")
    (tmp_path / "log").unlink()
    with running(command, cwd=tmp_path, env=settings) as again:
        until(lambda: ready(port), "ready again")
        webs = [line for line in below(again.pid).values() if "regulars web" in line]
        assert len(webs) == 2
        until(lambda: "ready at" in (tmp_path / "log").read_text(), "serve says so")
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert {"serve", "clock", "worker"} <= {line["process"] for line in told}
    assert all({"event", "level", "timestamp"} <= {*line} for line in told)
