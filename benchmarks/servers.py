"""Run a server under test on its port, and stop it afterwards."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from pathlib import Path

from plugin.runtime import valkey
from plugin.runtime.supervisor import is_answering

ROOT = Path(__file__).parents[1]
KEY = "a key for a benchmark that is long enough"
SECRET = "the secret of a benchmark, which is long"
SETTINGS = {
    "REGULARS_SECRET_KEY": KEY,
    "REGULARS_SHOPIFY_CLIENT_ID": "benchmark",
    "REGULARS_SHOPIFY_CLIENT_SECRET": SECRET,
}
READY_WITHIN_S = 60.0
ENDS_WITHIN_S = 20.0


class BenchmarkError(Exception):
    """A benchmark cannot run, or what it measured did not do its work; one sentence."""


def free_port() -> int:
    """Return a free port of this machine."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str],
    folder: Path,
    ready: Callable[[], bool],
    env: Mapping[str, str] | None = None,
    fds: Sequence[int] = (),
) -> Generator[int]:
    """Run a server inside the block and give its process id; its words go to a file in `folder`.

    Raises:
        BenchmarkError: it ended, or does not answer.
    """
    name = Path(command[0]).name
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=env, pass_fds=fds, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,  # the wheel's `node` starts another process, and waits for it
        )  # fmt: skip
    try:
        deadline = time.monotonic() + READY_WITHIN_S
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkError(f"{name} did not start; its words are in {log.name}.")
            time.sleep(0.05)
        yield process.pid
    finally:
        _end(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_WITHIN_S)
        _end(process, signal.SIGKILL)
        process.wait()


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Signal a server and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)


@contextlib.contextmanager
def web(place: Path, data: Path, **settings: str) -> Generator[tuple[int, int, int]]:
    """Run the product's web process and a broker; its port, its process, the broker's.

    Args:
        place: where their words go.
        data: the product's data folder.
    """
    port, lock = free_port(), valkey.claim_server(data)
    env = clean_env(REGULARS_DATA_DIR=str(data), **settings)
    command = [sys.executable, "-m", "regulars", "web", "--port", str(port)]
    broker = running(
        valkey.server_command(data), place, lambda: valkey.is_answering(data), env, fds=[lock]
    )
    # It takes its port before it is loaded.
    ready = partial(is_answering, "127.0.0.1", port, "/readyz")
    with broker as broker_pid, running(command, place, ready, env) as pid:
        yield port, pid, broker_pid


def listens(port: int) -> bool:
    """Return whether a port accepts connections."""
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def clean_env(**given: str) -> dict[str, str]:
    """This process's environment without our settings, so that a run is the same everywhere."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")}
    return ours | {"PYTHONPATH": str(ROOT), "NODE_ENV": "production"} | given
