"""F09: while another program locks SQLite's files, no request gets a 500 or waits for long."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.faults.served import AGAIN_S, WAITS_S, Served, tell
from tests.faults.town import answers
from tests.sizes import size

LOCKED_S, PER_S = size((4.0, 20), (30.0, 50))
WITHIN_S = 120.0


@pytest.fixture
def served(tmp_path: Path) -> Generator[Served]:
    with Served(tmp_path) as served:
        yield served


@contextlib.contextmanager
def locked(file: Path) -> Generator[None]:
    """Hold the file's write lock inside the block."""
    with contextlib.closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as held:
        held.execute("BEGIN EXCLUSIVE")
        yield
        held.execute("ROLLBACK")


def test_f09_a_locked_inbox_defers_webhooks_in_time_and_pages_go_on(served):
    health: list[bool] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            health.append(answers(f"http://127.0.0.1:{served.port}/healthz"))
            time.sleep(0.1)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        with served.loading((LOCKED_S + 3, PER_S), again_s=AGAIN_S) as result:
            time.sleep(1)
            with locked(served.data / "regulars-inbox.db"):
                time.sleep(LOCKED_S)
            loaded, answered = result()
    finally:
        over.set()
        looker.join()
    slowest_s = max(each.took_ms for each in answered) / 1e3

    tell("F09 inbox", locked_s=LOCKED_S, answers=loaded.statuses, given_up=loaded.late,
         slowest_s=round(slowest_s, 2), health_asked=len(health))  # fmt: skip
    assert set(loaded.statuses) == {"200", "503"}
    assert loaded.late == 0
    assert slowest_s < WAITS_S
    assert all(health)
    assert served.missing(answered) == set()
    served.drain(WITHIN_S)
    served.effects_once(int((LOCKED_S + 3) * PER_S))


def test_f09_a_locked_main_database_is_no_matter_to_what_comes_in(served):
    with served.loading((LOCKED_S + 2, PER_S)) as result:
        time.sleep(1)
        with locked(served.data / "regulars.db"):
            time.sleep(LOCKED_S)
        loaded, answered = result()

    tell("F09 main", locked_s=LOCKED_S, answers=loaded.statuses, p99_ms=loaded.p99_ms)
    assert set(loaded.statuses) == {"200"}
    assert served.missing(answered) == set()
    served.drain(WITHIN_S)
    served.effects_once(int((LOCKED_S + 2) * PER_S))
