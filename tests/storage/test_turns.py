"""Who writes next: on SQLite threads and processes have the one writer in turn."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from storage import db
from storage.turns import Turns
from tests.faults.town import ROOT, eventually

HOLDS_S = 0.02
COMES_BACK = """
import sys, time
from pathlib import Path
from storage.turns import Turns

turns = Turns(Path(sys.argv[1]))
while turns.wait(5):
    with open(sys.argv[2], "a") as file:
        file.write(".")
    time.sleep(float(sys.argv[3]))
    turns.hand_on()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "turns"


@pytest.fixture
def turns(file: Path) -> Generator[Turns]:
    turns = Turns(file)
    yield turns
    turns.close()


@pytest.fixture
def other(file: Path, tmp_path: Path) -> Generator[subprocess.Popen[bytes]]:
    """A process that writes again as soon as it has written, a dot in `dots` each time."""
    words = (str(file), str(tmp_path / "dots"), str(HOLDS_S))
    process = subprocess.Popen([sys.executable, "-c", COMES_BACK, *words], cwd=ROOT)
    eventually("it writes", (tmp_path / "dots").exists, within_s=30)
    yield process
    process.kill()
    process.wait()


def turns_of_others(turns: Turns, count: Callable[[], int]) -> list[int]:
    """How many others began to write while we waited, again and again."""
    found: list[int] = []
    for _ in range(10):
        before = count()
        assert turns.wait(5)
        found.append(count() - before)
        turns.hand_on()
        time.sleep(HOLDS_S / 3)
    return found


def test_f23_a_thread_that_waits_is_next_however_soon_another_comes_back(turns: Turns) -> None:
    began, done = [0], threading.Event()

    def come_back() -> None:
        while not done.is_set():
            assert turns.wait(5)
            began[0] += 1
            time.sleep(HOLDS_S)
            turns.hand_on()

    thread = threading.Thread(target=come_back)
    thread.start()
    found = turns_of_others(turns, lambda: began[0])
    done.set()
    thread.join()

    assert max(found) <= 1  # who came in between two lines of this test


def test_f23_a_process_that_waits_is_next_however_soon_another_comes_back(
    turns: Turns, other: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    found = turns_of_others(turns, lambda: (tmp_path / "dots").stat().st_size)

    assert max(found) <= 1
    assert other.poll() is None


def test_a_turn_ends_with_the_process_that_has_it(
    turns: Turns, other: subprocess.Popen[bytes]
) -> None:
    os.kill(other.pid, signal.SIGSTOP)
    other.kill()
    other.wait()

    assert turns.wait(5)
    turns.hand_on()


def test_who_gives_up_waiting_is_passed_over(turns: Turns) -> None:
    assert turns.wait(0)
    began = time.monotonic()
    assert not turns.wait(0.05)
    assert time.monotonic() - began >= 0.05
    turns.hand_on()
    assert turns.wait(0)
    turns.hand_on()


def test_many_threads_write_one_at_a_time_and_none_is_forgotten(turns: Turns) -> None:
    inside, most = [0], [0]
    took: list[bool] = []

    def write(patience_s: float) -> None:
        for _ in range(50):
            mine = turns.wait(patience_s)
            took.append(mine)
            if mine:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0002)
                inside[0] -= 1
                turns.hand_on()

    threads = [threading.Thread(target=write, args=(s,)) for s in (30, 30, 30, 5e-4, 1e-3, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1]
    assert took.count(True) >= 150
    assert False in took
    assert turns.wait(0)


def test_a_writer_that_waits_too_long_is_told_what_sqlite_tells(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "BUSY_TIMEOUT_MS", 50)
    failed: list[BaseException] = []

    def write() -> None:
        try:
            with db.transaction():
                raise AssertionError("two write at once")
        except OperationalError as error:
            failed.append(error)

    with db.transaction() as session:
        session.execute(text("SELECT 1"))
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()

    assert isinstance(failed[0], db.TRANSIENT)
    assert "database is locked" in str(failed[0])
    with db.transaction() as session:
        session.execute(text("SELECT 1"))
