"""A web process of our own, as the outside meets it, and sockets that speak to it byte by byte."""

import contextlib
import shutil
import socket
import sys
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import NamedTuple

from plugin.runtime.supervisor import is_answering
from storage.engine import db
from storage.shops import add_shop
from tests.conftest import NOW, SETTINGS
from tests.operations.processes import environment, free_port, running, until
from tests.sizes import PATIENCE

ROOT = Path(__file__).parents[2]


class Server(NamedTuple):
    """Where it listens, and its process."""

    port: int
    pid: int

    def rss_mb(self) -> float:
        """How much memory it holds now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * 4_096 / 1e6


@contextlib.contextmanager
def serving(template: Path, folder: Path) -> Generator[Server]:
    """Run `regulars web` over SQLite with one shop and without workers."""
    for file in template.iterdir():
        shutil.copy(file, folder)
    db.connect(f"sqlite:///{folder / 'regulars.db'}")
    with db.transaction() as session:
        add_shop(session, "dewpoint.myshopify.com", NOW, name="Dewpoint", access_token="shpat")
    db.disconnect()
    port = free_port()
    env = environment(
        **SETTINGS,
        REGULARS_DATA_DIR=str(folder),
        REGULARS_BROKER_URL="redis://127.0.0.1:1",
        PYTHONPATH=str(ROOT),
    )
    command = [sys.executable, "-m", "regulars", "web", "--port", str(port)]
    with running(command, cwd=folder, env=env) as process:
        until(lambda: is_answering("127.0.0.1", port, "/healthz"), "the web process answers")
        yield Server(port, process.pid)


class Answer(NamedTuple):
    """What came back: a status (0: none), after how long and how many bytes of the body."""

    status: int
    seconds: float
    sent: int


def send(
    port: int, head: str, parts: Iterable[bytes], *, pause_s: float = 0, within_s: float = 15
) -> Answer:
    """Send a request part by part until an answer comes, or the line is cut."""
    began, sent, said = time.monotonic(), 0, b""
    with socket.create_connection(("127.0.0.1", port), timeout=5 * PATIENCE) as line:
        line.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError, TimeoutError):
            for part in parts:
                if _has_answer(line, pause_s):
                    break
                line.sendall(part)
                sent += len(part)
        line.settimeout(within_s * PATIENCE)
        with contextlib.suppress(ConnectionError, TimeoutError):
            said = line.recv(1_000)  # it may have come before the line was cut
    status = int(said.split(b" ")[1]) if said else 0
    return Answer(status, time.monotonic() - began, sent)


def _has_answer(line: socket.socket, within_s: float) -> bool:
    line.settimeout(within_s)
    try:
        return line.recv(1, socket.MSG_PEEK) is not None
    except (BlockingIOError, TimeoutError):
        return False
    finally:
        line.settimeout(5 * PATIENCE)
