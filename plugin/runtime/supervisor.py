"""The supervisor: starts Valkey, web, workers and clock in order, keeps them alive, ends them.

One thread and one loop: a child is tied to the thread that forked it (see `parent_death`).
"""

import contextlib
import http.client
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Self

from plugin.errors import RegularsError
from plugin.runtime import data_folder, parent_death, valkey
from plugin.runtime.logs import UnfailingStream, line_of
from plugin.settings import LogFormat, Settings
from storage.engine.write_queue import QueueWatch

POLL_INTERVAL_S = 0.1
READY_TIMEOUT_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0  # before a child that died is started again
HEALTHY_AFTER_S = 30.0  # a child that lived this long starts again without a growing pause
MAX_RESTARTS_BEFORE_READY = 3  # a setting that is wrong is so each time
# All other writers wait for 15 s: who has a turn for twice as long was stopped, or hangs.
TURN_LIMIT_S, LOOK_INTERVAL_S = 30.0, 1.0
BACKLOG = 2048
MAX_PORT = 65_535


@dataclass
class Child:
    """One process that we look after."""

    name: str
    command: list[str]
    grace_s: float  # how long it may take to end; all of them together stay under 30 s
    fds: tuple[int, ...] = ()
    ready: Callable[[], bool] = lambda: True
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    deaths: int = 0


@dataclass
class Supervisor:
    """Runs children inside its `with` block; they are ended in reverse order when it ends."""

    say: Callable[[str, str], None]
    children: list[Child] = field(default_factory=list)
    signals: int = 0
    queues: list[QueueWatch] = field(default_factory=list)
    turn_limit_s: float = TURN_LIMIT_S
    _look_at: float = 0.0
    _pipes: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        return self

    def __exit__(self, *error: object) -> None:
        for child in reversed(self.children):
            self._end(child)
        self._forward()

    def start(self, children: Sequence[Child]) -> None:
        """Start children, all at once."""
        for child in children:
            self.children.append(child)
            self._start(child)

    def wait(self) -> None:
        """Wait until every child is ready.

        Raises:
            RegularsError: one ends each time that it is started, or takes too long.
        """
        deadline = time.monotonic() + READY_TIMEOUT_S
        for child in self.children:
            while not self.signals and not child.ready():
                self._forward()
                self._heal()
                self._require_starts()
                if time.monotonic() > deadline:
                    raise RegularsError(f"`{child.name}` was not ready in {READY_TIMEOUT_S:.0f} s.")

    def stay(self) -> None:
        """Keep the children alive until SIGTERM or SIGINT."""
        while not self.signals:
            self._heal()
            self._end_stuck()
            self._forward()

    def run_once(self, child: Child) -> None:
        """Run a child to its end.

        Raises:
            RegularsError: it failed; its own output says why.
        """
        process = self._start(child)
        while process.poll() is None and not self.signals:
            self._forward()
        self._end(child)
        self._forward()
        if process.returncode and not self.signals:
            raise RegularsError(f"`{child.name}` failed. See the error above.")

    def _require_starts(self) -> None:
        for child in self.children:
            if child.deaths > MAX_RESTARTS_BEFORE_READY:
                raise RegularsError(
                    f"`{child.name}` stopped {child.deaths} times at once. See the error above."
                )

    def _end_stuck(self) -> None:
        """End a child's process that stands at the head of a queue of writers for too long."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_INTERVAL_S
        for pid in filter(None, [queue.overdue(self.turn_limit_s) for queue in self.queues]):
            with contextlib.suppress(ProcessLookupError):
                group = os.getpgid(pid)
                for child in self.children:
                    if child.process and child.process.pid == group:
                        wait = f"{self.turn_limit_s:.0f} s"
                        self.say(
                            child.name, f"has kept the others from writing for {wait}; ending it"
                        )
                        os.kill(pid, signal.SIGKILL)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.signals += 1

    def _start(self, child: Child) -> subprocess.Popen[bytes]:
        parent = os.getpid()

        def tie() -> None:
            parent_death.exit_with_parent()
            if os.getppid() != parent:
                os._exit(1)

        child.process = subprocess.Popen(
            child.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=child.fds,
            preexec_fn=tie if sys.platform == "linux" else None,  # no other thread runs here
            start_new_session=True,  # Ctrl-C reaches us alone; we end the others in order
            env=os.environ | {parent_death.SUPERVISED_VARIABLE: "1", "PYTHONUNBUFFERED": "1"},
        )
        child.started_at = time.monotonic()
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        lines = _Lines(child.name, child.process.stdout, self.say)
        self._pipes.register(child.process.stdout, selectors.EVENT_READ, lines)
        return child.process

    def _heal(self) -> None:
        """Start again what has died, each time after a longer pause."""
        now = time.monotonic()
        for child in self.children:
            if child.process and child.process.poll() is not None:
                child.deaths = 0 if now - child.started_at > HEALTHY_AFTER_S else child.deaths
                pause = min(FIRST_PAUSE_S * 2**child.deaths, LONGEST_PAUSE_S)
                child.deaths += 1
                child.start_at = now + pause
                self.say(child.name, f"ended ({_how(child.process)}); restarting it")
                self._kill_group(child)
                child.process = None
            if child.process is None and now >= child.start_at:
                self._start(child)

    def _forward(self) -> None:
        """Pass on what the children say, waiting for it a moment."""
        if not self._pipes.get_map():
            time.sleep(POLL_INTERVAL_S)
        for key, _ in self._pipes.select(POLL_INTERVAL_S):
            if not key.data.read():
                self._pipes.unregister(key.fileobj)
                key.data.pipe.close()

    def _end(self, child: Child) -> None:
        """Ask a child to end; after its grace, or at a second signal, end it."""
        if child.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.process.terminate()
        deadline = time.monotonic() + child.grace_s
        while child.process.poll() is None:
            if self.signals > 1 or time.monotonic() > deadline:
                self._kill_group(child)
                child.process.wait()
            self._forward()
        self._kill_group(child)

    def _kill_group(self, child: Child) -> None:
        """End what a child has left behind; it is the leader of its own group."""
        assert child.process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)


@dataclass
class _Lines:
    """A child's words, passed on line by line."""

    name: str
    pipe: BinaryIO | object
    say: Callable[[str, str], None]
    rest: bytes = b""

    def read(self) -> bool:
        """Take what is there; False at the end."""
        assert hasattr(self.pipe, "fileno")
        try:
            data = os.read(self.pipe.fileno(), 65_536)
        except BlockingIOError:
            return True
        *whole, self.rest = (self.rest + data).split(b"\n")
        if not data and self.rest:
            whole, self.rest = [self.rest], b""
        for line in whole:
            self.say(self.name, line.decode(errors="replace").rstrip())
        return bool(data)


def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    web: int = 1,
    workers: int = 1,
    senders: int = 1,
    threads: int = 4,
    beside: Sequence[Child] = (),
    on_ready: Callable[[], None],
) -> None:
    """Run everything on this machine until SIGTERM or SIGINT.

    Args:
        web: how many web processes share the port.
        workers: how many worker processes, each with `threads` threads.
        senders: how many sender processes, each with as many.
        beside: what else to run, started first.
        on_ready: called once when everything answers.

    Raises:
        RegularsError: the port is taken, another Regulars has the data, or a part does not start.
    """
    listener = open_listener(host, port)
    claimed = data_folder.claim_folder(settings.data_dir)
    os.environ["REGULARS_BROKER_URL"] = settings.broker_url or valkey.server_address(
        settings.data_dir
    )
    with Supervisor(partial(print_line, log_format=settings.log_format)) as supervisor:
        supervisor.start([*beside, *_broker(settings)])
        supervisor.run_once(Child("migrate", own_command("migrate", "--before-serving"), grace_s=5))
        supervisor.wait()
        supervisor.start(
            [
                Child("clock", own_command("clock"), grace_s=4),
                _actors("worker", workers, threads),
                _actors("sender", senders, threads),
                *_web(listener, web, lambda: is_answering(host, port, "/readyz")),
            ]
        )
        supervisor.wait()
        supervisor.queues = _queues(settings.database())
        if not supervisor.signals:
            on_ready()
        supervisor.stay()
        listener.close()
    os.close(claimed)


def _queues(database_url: str) -> list[QueueWatch]:
    """The queues before SQLite's writers; PostgreSQL ends an idle transaction by itself."""
    kind, _, rest = database_url.partition(":///")
    return QueueWatch.beside(Path(rest.partition("?")[0])) if kind.startswith("sqlite") else []


def _broker(settings: Settings) -> list[Child]:
    """Our own Valkey, unless the settings name a broker."""
    if settings.broker_url:
        return []
    home = settings.data_dir
    lock = valkey.claim_server(home)
    return [
        Child(
            "valkey",
            valkey.server_command(home),
            4,
            (lock,),
            ready=lambda: valkey.is_answering(home),
        )
    ]


def _actors(name: str, processes: int, threads: int) -> Child:
    words = (name, "--processes", str(processes), "--threads", str(threads))
    return Child(name, own_command(*words), grace_s=12)


def _web(listener: socket.socket, count: int, ready: Callable[[], bool]) -> list[Child]:
    number = listener.fileno()
    run = own_command("web", "--fd", str(number))
    names = ["web"] if count == 1 else [f"web {each}" for each in range(1, count + 1)]
    return [Child(name, run, 8 / count, (number,), ready=ready) for name in names]


def own_command(*words: str) -> list[str]:
    """Ours, run by the Python that runs us: from the checkout and from a wheel alike."""
    return [sys.executable, "-m", "regulars", *words]


def check_port(port: int) -> None:
    """Go on only with a number that a port can have.

    Raises:
        RegularsError: it is too low or too high.
    """
    if not 0 < port <= MAX_PORT:
        raise RegularsError(f"There is no port {port}. Choose one from 1 to {MAX_PORT}.")


def open_listener(host: str, port: int) -> socket.socket:
    """The web's socket. It is ours, so that connections wait while a web process starts again.

    Raises:
        RegularsError: the port is taken, or the address is not this machine's.
    """
    check_port(port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise RegularsError(
            f"Can't use port {port} on {host}: {error.strerror}. Choose another with --port."
        ) from None
    listener.listen(BACKLOG)
    return listener


def print_line(name: str, line: str, log_format: LogFormat = LogFormat.LOGFMT) -> None:
    """Print one line of output and the name of its process."""
    stream = UnfailingStream(
        sys.stdout
    )  # a log's disk that is full must not end what it is a log of
    stream.write(f"{line_of(name, line, log_format)}\n")
    stream.flush()


def is_answering(host: str, port: int, path: str) -> bool:
    """Whether a server says 200 to a GET."""
    there = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    connection = http.client.HTTPConnection(there, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _how(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
