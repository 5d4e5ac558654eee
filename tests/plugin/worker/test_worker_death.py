"""A worker ends with dramatiq's master, run by hand or not, and whatever it is about."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.operations.processes import alive, below, until

ROOT = Path(__file__).parents[3]
MODULE = """
import sys, threading, time
from pathlib import Path
import dramatiq
from dramatiq.brokers.stub import StubBroker
from plugin.runtime import worker_death

worker_death.STOPS_WITHIN_S = 1.0

class Told(dramatiq.Middleware):
    def {hook}(self, broker, worker=None):
        threading.Timer({told_after_s}, Path("told").touch).start()
        time.sleep({lasts_s})

    def before_worker_shutdown(self, broker, worker):
        sys.stdout.write("x" * 1_000_000)

broker = StubBroker(middleware=[worker_death.ExitWithParent(), Told()])
"""
# It boots: its master waits for it, and would have to wake up for it to go on. It is at work: what
# it prints at its end is more than the pipe to its master holds.
MOMENTS = [("after_process_boot", 0.0, 2.0), ("after_worker_boot", 2.0, 0.0)]


@pytest.mark.parametrize(("hook", "told_after_s", "lasts_s"), MOMENTS, ids=["boots", "works"])
def test_o02_a_worker_ends_when_its_master_is_killed(
    tmp_path: Path, hook: str, told_after_s: float, lasts_s: float
) -> None:
    module = MODULE.format(hook=hook, told_after_s=told_after_s, lasts_s=lasts_s)
    (tmp_path / "lonely.py").write_text(module)
    words = ["-m", "dramatiq", "lonely:broker", "--processes", "1", "--threads", "1"]
    master = subprocess.Popen(
        [sys.executable, *words, "--skip-logging", "--path", str(tmp_path), str(ROOT)],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until((tmp_path / "told").exists, "the worker tells of itself", 30)
        workers = list(below(master.pid))
        assert workers
    finally:
        os.kill(master.pid, signal.SIGKILL)
        master.wait()

    until(lambda: not any(alive(pid) for pid in workers), "the worker has ended", 15)
