"""The supervisor starts in order, restarts what dies, stops in reverse and leaves no process
behind.
"""

import os
import signal
import sys
import time

from tests.operations.processes import alive, below, running, until
from tests.sizes import PATIENCE

# A child that prints when it starts and when it is asked to end; `stubborn` ignores that.
CHILD = """
import signal, sys, time
def end(*_):
    print("told to end", flush=True)
    if "stubborn" not in sys.argv: sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
while True: time.sleep(0.05)
"""
SUPERVISE = f"""
import sys
from plugin.errors import RegularsError
from plugin.runtime.supervisor import Child, Supervisor, print_line
def child(name, *words, code={CHILD!r}, grace=float(sys.argv[1])):
    return Child(name, [sys.executable, "-c", code, *words, name], grace)
"""
THREE = f"""{SUPERVISE}
with Supervisor(print_line) as supervisor:
    supervisor.start([child("one"), child("two"), child("three", *sys.argv[2:])])
    supervisor.wait()
    print_line("all", "ready")
    supervisor.stay()
"""


def words(tmp_path):
    """All output, line by line, as (process, text)."""
    lines = (tmp_path / "log").read_text().splitlines()
    return [(who.strip(), what) for who, _, what in (line.partition(" | ") for line in lines)]


def three(tmp_path, *more, grace_s=3):
    return running([sys.executable, "-c", THREE, str(grace_s), *more], cwd=tmp_path)


def ups(tmp_path, name):
    return words(tmp_path).count((name, "up"))


def all_up(tmp_path):
    until(lambda: all(ups(tmp_path, name) for name in ("one", "two", "three")), "all are up")


def test_o02_children_stop_in_reverse_order_with_the_supervisor(tmp_path):
    with three(tmp_path) as supervisor:
        all_up(tmp_path)
        children = below(supervisor.pid)
        assert len(children) == 3
        supervisor.send_signal(signal.SIGINT)
        assert supervisor.wait(10 * PATIENCE) == 0

    told = [who for who, what in words(tmp_path) if what == "told to end"]
    assert told == ["three", "two", "one"]
    assert not any(map(alive, children))


def test_a_child_that_is_killed_starts_again(tmp_path):
    with three(tmp_path) as supervisor:
        all_up(tmp_path)
        for _ in range(2):
            before = ups(tmp_path, "two")
            found = below(supervisor.pid).items()
            [victim] = [pid for pid, line in found if line.strip().endswith("two")]
            os.kill(victim, signal.SIGKILL)
            until(lambda n=before: ups(tmp_path, "two") == n + 1, "two is up again", 5)

        assert ups(tmp_path, "one") == ups(tmp_path, "three") == 1
        assert ("two", "ended (SIGKILL); restarting it") in words(tmp_path)


def test_no_process_outlives_a_killed_supervisor(tmp_path):
    with three(tmp_path) as supervisor:
        all_up(tmp_path)
        children = below(supervisor.pid)
        supervisor.kill()
        until(lambda: not any(map(alive, children)), "the children are gone", 5)


def test_who_does_not_listen_is_ended_after_its_grace(tmp_path):
    with three(tmp_path, "stubborn") as supervisor:
        all_up(tmp_path)
        started = time.monotonic()
        supervisor.terminate()
        supervisor.wait(10 * PATIENCE)

        assert 2.5 < time.monotonic() - started < 8 * PATIENCE


def test_a_second_signal_ends_everything_at_once(tmp_path):
    with three(tmp_path, "stubborn", grace_s=300) as supervisor:
        all_up(tmp_path)
        children = below(supervisor.pid)
        supervisor.terminate()
        until(lambda: ("three", "told to end") in words(tmp_path), "the first signal is heard")
        supervisor.terminate()
        supervisor.wait(2.5 * PATIENCE)

        assert not any(map(alive, children))


def test_a_child_that_cannot_start_ends_it_all_in_a_sentence(tmp_path):
    broken = f"""{SUPERVISE}
try:
    with Supervisor(print_line) as supervisor:
        bad = child("bad", code="raise SystemExit('no such luck')")
        bad.ready = lambda: False
        supervisor.start([child("one"), bad])
        supervisor.wait()
except RegularsError as error:
    print_line("caught", error.message)
"""
    with running([sys.executable, "-c", broken, "3"], cwd=tmp_path) as supervisor:
        supervisor.wait(10 * PATIENCE)

    assert ("bad", "no such luck") in words(tmp_path)
    assert words(tmp_path)[-1][0] in ("caught", "one")
    assert ("caught", "`bad` stopped 4 times at once. See the error above.") in words(tmp_path)


def test_a_child_that_dies_before_it_is_ready_is_started_again(tmp_path):
    dies_twice = f"""{SUPERVISE}
from pathlib import Path
frail = child("frail", code='''
import time
from pathlib import Path
times = Path("times")
times.write_text(times.read_text() + "." if times.exists() else ".")
if len(times.read_text()) < 3: raise SystemExit("not yet")
Path("ready").touch()
while True: time.sleep(0.05)
''')
frail.ready = Path("ready").exists
with Supervisor(print_line) as supervisor:
    supervisor.start([child("one"), frail])
    supervisor.wait()
    print_line("all", "ready")
    supervisor.stay()
"""
    with running([sys.executable, "-c", dies_twice, "3"], cwd=tmp_path) as supervisor:
        until(lambda: ("all", "ready") in words(tmp_path), "all are ready")
        supervisor.terminate()
        assert supervisor.wait(10 * PATIENCE) == 0

    assert words(tmp_path).count(("frail", "not yet")) == 2
    assert ups(tmp_path, "one") == 1


def test_f04_a_process_that_is_stopped_while_it_writes_is_ended(tmp_path):
    writer = """
import os, signal, sys, time
from pathlib import Path
from storage.engine.write_queue import WriteQueue
with WriteQueue(Path("kept.db-turns")).acquire(30) as ours:
    assert ours
    print("writes", flush=True)
    if not Path("stopped").exists():
        Path("stopped").touch()
        os.kill(os.getpid(), signal.SIGSTOP)
print("has written", flush=True)
while True: time.sleep(0.05)
"""
    watched = f"""{SUPERVISE}
from pathlib import Path
from storage.engine.write_queue import QueueWatch
Path("kept.db-turns").touch()
with Supervisor(print_line, queues=QueueWatch.beside(Path("kept.db")), turn_limit_s=1) as it:
    it.start([child("one"), child("writer", code={writer!r})])
    it.stay()
"""
    with running([sys.executable, "-c", watched, "3"], cwd=tmp_path):
        until(lambda: ("writer", "has written") in words(tmp_path), "the next one writes", 20)

    assert ("writer", "has kept the others from writing for 1 s; ending it") in words(tmp_path)
    assert ups(tmp_path, "one") == 1
