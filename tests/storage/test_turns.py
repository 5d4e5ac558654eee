"""Who writes next: on SQLite the threads of a process have the one writer in turn."""

import threading
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from storage import db
from storage.turns import Turns
from tests.faults.town import eventually

HOLDS_S = 0.02


def test_f23_who_waits_is_next_however_soon_another_comes_back() -> None:
    turns, done = Turns(), threading.Event()
    wrote = [0]
    waited_for: list[int] = []

    def come_back() -> None:
        while not done.is_set():
            assert turns.wait(5)
            time.sleep(HOLDS_S)
            wrote[0] += 1
            turns.hand_on()

    other = threading.Thread(target=come_back)
    other.start()
    for _ in range(10):
        before = wrote[0]
        assert turns.wait(5)
        waited_for.append(wrote[0] - before)
        turns.hand_on()
        time.sleep(HOLDS_S / 3)
    done.set()
    other.join()

    assert max(waited_for) <= 2  # who was at it, and one who came in between the two lines
    assert sum(waited_for) > 0


def test_who_gives_up_waiting_is_passed_over() -> None:
    turns = Turns()
    assert turns.wait(0)
    began = time.monotonic()
    assert not turns.wait(0.05)
    assert time.monotonic() - began >= 0.05
    turns.hand_on()
    assert turns.wait(0)
    turns.hand_on()


def test_many_threads_write_one_at_a_time_and_none_is_forgotten() -> None:
    turns, inside, most = Turns(), [0], [0]
    took: list[bool] = []

    def write(patience: float) -> None:
        for _ in range(50):
            mine = turns.wait(patience)
            took.append(mine)
            if mine:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0002)
                inside[0] -= 1
                turns.hand_on()

    threads = [threading.Thread(target=write, args=(p,)) for p in (5, 5, 5, 0.0005, 0.001, 0)]
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
    with db.transaction() as session:
        session.execute(text("SELECT 1"))
        failed: list[BaseException] = []

        def write() -> None:
            try:
                with db.transaction():
                    raise AssertionError("two write at once")
            except OperationalError as error:
                failed.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        eventually("it gives up", lambda: bool(failed), within_s=10)
        thread.join()
    assert isinstance(failed[0], db.TRANSIENT)
    assert "database is locked" in str(failed[0])
    with db.transaction() as session:
        session.execute(text("SELECT 1"))
