"""Locks that hold across threads and processes, and open when their holder dies."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.engine.locks import LockTimeoutError, exclusive

HOLDER = """
import sys, time
from storage.engine import db, locks
db.connect(sys.argv[1])
with locks.exclusive("token-1"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_at_a_time(database: str) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        with exclusive("token-1"):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.005)
            inside.remove(number)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(work, range(20)))

    assert most == [1] * 20


def test_other_names_do_not_wait(database: str) -> None:
    with exclusive("token-1"), exclusive("token-2"), exclusive("install-a.myshopify.com"):
        pass


def test_it_opens_after_an_error(database: str) -> None:
    with pytest.raises(ValueError, match="no"), exclusive("token-1"):
        raise ValueError("no")
    with exclusive("token-1", wait_s=0.1):
        pass


def test_another_process_holds_it_until_it_dies(database: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, database], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockTimeoutError), exclusive("token-1", wait_s=0.2):
            pass
        holder.kill()
        with exclusive("token-1", wait_s=10):
            pass
