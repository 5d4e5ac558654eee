"""Running our own commands as an operator would, and looking at what runs."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from tests.sizes import PATIENCE

SETTINGS = {
    "REGULARS_SECRET_KEY": "a key for tests that is long enough",
    "REGULARS_SHOPIFY_CLIENT_ID": "test-client-id",
    "REGULARS_SHOPIFY_CLIENT_SECRET": "test-client-secret",
}
WITHIN_S = 45.0  # of a machine that does nothing else


def environment(**settings: str) -> dict[str, str]:
    """Return an operator's environment with no other settings in it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("REGULARS_")}
    return kept | settings


def run(*words: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command run to its end."""
    return subprocess.run(
        [sys.executable, "-m", "regulars", *words],
        cwd=cwd,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=WITHIN_S * PATIENCE,
        check=False,
    )


@contextlib.contextmanager
def running(
    command: Sequence[str], *, cwd: Path, env: dict[str, str] | None = None
) -> Generator[subprocess.Popen[bytes]]:
    """A command that runs inside the block; its words go to `log` in `cwd`."""
    with (cwd / "log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=cwd, env=env or environment(), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(35 * PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(look: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
    """Wait until something is so; fail when it takes `PATIENCE` times longer."""
    deadline = time.monotonic() + within_s * PATIENCE
    while not look():
        assert time.monotonic() < deadline, f"not within {within_s * PATIENCE} s: {what}"
        time.sleep(0.05)


def below(pid: int) -> dict[int, str]:
    """Every living process under `pid`, with its command line."""
    parents, lines = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry.name)] = int(parent)
                words = (entry / "cmdline").read_bytes().split(b"\0")
                lines[int(entry.name)] = b" ".join(words).decode(errors="replace")
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for child, its_parent in parents.items():
            if its_parent == parent and child not in found:
                found[child] = lines[child]
                waiting.append(child)
    return found


def alive(pid: int) -> bool:
    """Whether a process lives, and is not only waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
