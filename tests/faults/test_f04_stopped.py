"""F04: a process that is stopped while it has SQLite's writer is ended, and all goes on."""

import os
import signal
import time
from pathlib import Path

import pytest

from plugin.runtime.supervisor import TURN_LIMIT_S
from storage.engine.write_queue import QueueWatch
from tests.faults.served import AGAIN_S, Served, tell
from tests.faults.town import eventually
from tests.sizes import FULL

LASTS_S, PER_S = 90, 50
GOES_ON_WITHIN_S, DRAINED_WITHIN_S = TURN_LIMIT_S + 15, 120.0


def stop_one_that_writes(served: Served, watch: QueueWatch) -> int:
    """Stop processes for a moment each until one stands at the head of the queue; its id."""
    assert served.process is not None
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for pid in served.pids() - {served.process.pid}:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.02)
            if {watch.overdue(0.01) for _ in range(2)} & {pid}:
                return pid
            os.kill(pid, signal.SIGCONT)
    raise AssertionError("None was stopped while it wrote.")


@pytest.mark.skipif(not FULL, reason="it waits until a turn is overdue: make faults does")
def test_f04_a_stopped_writer_is_ended_and_nothing_is_lost(tmp_path: Path) -> None:
    with Served(tmp_path, whole=True) as served:
        watch = QueueWatch(served.data / "regulars.db-turns")
        with served.loading((LASTS_S, PER_S), again_s=AGAIN_S) as result:
            time.sleep(1)
            pid = stop_one_that_writes(served, watch)
            began = time.monotonic()
            eventually("it is ended", lambda: pid not in served.pids(), within_s=GOES_ON_WITHIN_S)
            stood_s = time.monotonic() - began
            eventually(
                "all is ready", lambda: served.ask("/readyz").status_code == 200, within_s=60
            )
            loaded, answered = result()
        drained_s = served.drain(DRAINED_WITHIN_S)
        watch.close()

        tell("F04 stopped", stood_s=round(stood_s, 1), answers=loaded.statuses,
             drained_s=round(drained_s, 1), missing=len(served.missing(answered)))  # fmt: skip
        assert b"has kept the others from writing" in (tmp_path / "app.log").read_bytes()
        assert served.missing(answered) == set()
        served.effects_once(LASTS_S * PER_S)
