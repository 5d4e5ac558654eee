"""Who writes next: on SQLite threads and processes have the one writer in turn."""

import contextlib
import ctypes
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

from storage import schema
from storage.engine import db
from storage.engine.write_queue import QueueWatch, WriteQueue
from tests.faults.town import ROOT, eventually
from tests.sizes import PATIENCE

HOLDS_S = 0.02
TIMES = 20
COMES_BACK = """
import sys, time
from pathlib import Path
from storage.engine.write_queue import WriteQueue

turns = WriteQueue(Path(sys.argv[1]))
while True:
    with turns.acquire(30) as ours:
        assert ours
        with open(sys.argv[2], "a") as file:
            file.write(".")
        time.sleep(float(sys.argv[3]))
"""
HOLDS = """
import sys, time
from storage.engine import db

db.connect(sys.argv[1])
with db.transaction():
    print("it has the turn", flush=True)
    time.sleep(60)
"""


class Cut(BaseException):
    """As Dramatiq raises it into a thread beyond its time limit."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "turns"


@pytest.fixture
def turns(file: Path) -> Generator[WriteQueue]:
    turns = WriteQueue(file)
    yield turns
    turns.close()


def is_free(turns: WriteQueue, within_s: float = 5) -> bool:
    """Return whether the queue can be entered."""
    with turns.acquire(within_s) as ours:
        return ours


def waited_for(turns: WriteQueue, count: Callable[[], int]) -> tuple[int, int]:
    """How many turns of ours there were until another, who comes back at once, had some, too; and
    how many of the other's fell into our waiting.
    """
    had = found = 0
    deadline = time.monotonic() + 30 * PATIENCE
    while had < TIMES or count() < TIMES:
        assert time.monotonic() < deadline, "The other never came back."
        before = count()
        with turns.acquire(5 * PATIENCE) as ours:
            assert ours
            found += count() - before
        had += 1
        time.sleep(HOLDS_S / 3)
    return had, found


def cut(thread: threading.Thread) -> None:
    assert thread.ident
    raised = ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(Cut)
    )
    assert raised == 1


def test_f23_a_thread_that_waits_is_next_however_soon_another_comes_back(turns: WriteQueue) -> None:
    began, done = [0], threading.Event()

    def come_back() -> None:
        while not done.is_set():
            with turns.acquire(30):
                began[0] += 1
                time.sleep(HOLDS_S)

    thread = threading.Thread(target=come_back)
    thread.start()
    eventually("it writes", lambda: began[0] > 0, within_s=10)
    try:
        had, found = waited_for(turns, lambda: began[0])
    finally:
        done.set()
        thread.join()

    assert found <= had  # who stood in line before us: one each time, at most


def test_f23_a_process_that_waits_is_next_however_soon_another_comes_back(
    turns: WriteQueue, file: Path, tmp_path: Path
) -> None:
    dots = tmp_path / "dots"
    words = (str(file), str(dots), str(HOLDS_S))
    process = subprocess.Popen([sys.executable, "-c", COMES_BACK, *words], cwd=ROOT)
    try:
        eventually("it writes", dots.exists, within_s=30)
        had, found = waited_for(turns, lambda: dots.stat().st_size)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()

    assert found <= had


def test_two_processes_take_turns_and_a_killed_one_blocks_none(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [sys.executable, "-c", HOLDS, sqlite]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"it has the turn\n"
        with monkeypatch.context() as patch:
            patch.setattr(db, "BUSY_TIMEOUT_MS", 50)
            with pytest.raises(OperationalError, match="database is locked"), db.transaction():
                raise AssertionError("two write at once")
        process.kill()
    with db.transaction() as session:
        session.execute(text("SELECT 1"))


def test_who_gives_up_waiting_is_passed_over(turns: WriteQueue) -> None:
    with turns.acquire(0) as ours:
        assert ours
        began = time.monotonic()
        assert not is_free(turns, 0.05)
        assert time.monotonic() - began >= 0.05
    assert is_free(turns, 0)


@pytest.mark.parametrize("stage", ["among threads", "among processes"])
def test_who_is_cut_off_while_waiting_takes_nobodys_turn_along(
    turns: WriteQueue, file: Path, stage: str
) -> None:
    other = WriteQueue(file) if stage == "among processes" else turns
    ended: list[type[BaseException] | None] = []

    def wait() -> None:
        try:
            with turns.acquire(5):
                time.sleep(0.2)  # the cut comes where Python runs again: here, for threads
            ended.append(None)
        except Cut:
            ended.append(Cut)

    if stage == "among threads":
        with other.acquire(5):
            thread = threading.Thread(target=wait)
            thread.start()
            eventually("it waits", lambda: bool(turns._waiting), within_s=5)
            cut(thread)
    else:
        # A process's locks are its own: only another process can keep this one waiting.
        words = ("-c", COMES_BACK, str(file), str(file.with_name("dots")), "3")
        with subprocess.Popen([sys.executable, *words], cwd=ROOT) as process:
            eventually("it writes", file.with_name("dots").exists, within_s=30)
            thread = threading.Thread(target=wait)
            thread.start()
            time.sleep(0.1)
            cut(thread)
            thread.join()
            process.kill()
        other.close()
    thread.join()

    assert ended == [Cut]
    assert is_free(turns)


def test_work_that_fails_hands_its_turn_on(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "BUSY_TIMEOUT_MS", 1_000)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), db.transaction():
            raise ZeroDivisionError
    with db.transaction() as session:
        session.execute(text("SELECT 1"))


def test_who_writes_while_the_line_is_closed_writes_to_the_end(file: Path) -> None:
    turns = WriteQueue(file)
    got: list[bool] = []
    with turns.acquire(5) as ours:
        thread = threading.Thread(target=lambda: got.append(is_free(turns)))
        thread.start()
        eventually("it waits", lambda: bool(turns._waiting), within_s=5)
        turns.close()
        assert ours
    thread.join()

    assert got == [True]


def test_many_threads_write_one_at_a_time_and_none_is_forgotten(turns: WriteQueue) -> None:
    inside, most = [0], [0]
    took: list[bool] = []

    def write(patience_s: float) -> None:
        for _ in range(50):
            with turns.acquire(patience_s) as ours:
                took.append(ours)
                if ours:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    time.sleep(0.0002)
                    inside[0] -= 1

    threads = [threading.Thread(target=write, args=(s,)) for s in (30, 30, 30, 5e-4, 1e-3, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1]
    assert took.count(True) >= 150
    assert False in took
    assert is_free(turns)


def test_a_line_that_cannot_be_made_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "regulars.db-turns").mkdir()
    with pytest.raises(db.DatabaseError, match=r"regulars\.db-turns cannot be written"):
        db.connect(f"sqlite:///{tmp_path / 'regulars.db'}")
    with pytest.raises(db.DatabaseError, match="not connected"):
        db.engine()


def test_f04_who_is_stopped_at_the_head_of_the_queue_is_found_and_no_other(
    turns: WriteQueue, file: Path, tmp_path: Path
) -> None:
    watch, dots = QueueWatch(file), tmp_path / "dots"
    words = (str(file), str(dots), str(HOLDS_S))
    process = subprocess.Popen([sys.executable, "-c", COMES_BACK, *words], cwd=ROOT)
    try:
        eventually("it writes", dots.exists, within_s=30)
        time.sleep(1)  # in which it has many turns
        assert [watch.overdue(0.5 * PATIENCE) for _ in range(5)] == [None] * 5
        eventually(
            "it is stopped while it writes", lambda: stopped_inside(process, turns), within_s=30
        )
        eventually("it is found", lambda: watch.overdue(0.1) == process.pid, within_s=5)
    finally:
        process.kill()
        process.wait()
    assert watch.overdue(0) is None
    watch.close()


def stopped_inside(process: subprocess.Popen[bytes], turns: WriteQueue) -> bool:
    process.send_signal(signal.SIGSTOP)
    if not is_free(turns, 0.1):
        return True
    process.send_signal(signal.SIGCONT)
    return False


def test_o01_readiness_stands_in_line_with_every_writer(
    sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a process was stopped between its turn and its transaction."""
    monkeypatch.setattr(schema, "WRITABLE_WITHIN_S", 0.1)
    assert schema.takes_writes()
    with turn_elsewhere(sqlite):
        assert not schema.takes_writes()
    assert schema.takes_writes()


@contextlib.contextmanager
def turn_elsewhere(url: str) -> Generator[None]:
    """Another process has the turn, and no transaction."""
    hold = HOLDS.replace("db.transaction()", "db._turn(db._Engines.main_turns)")
    with subprocess.Popen(
        [sys.executable, "-c", hold, url], cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"it has the turn\n"
        yield
        process.kill()
