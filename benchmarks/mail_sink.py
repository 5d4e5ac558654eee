"""Postfix's own test programs: `smtp-sink`, which takes every mail, and `smtp-source`, the floor.

They are unpacked from Debian's package into var/, without a mail server being installed.
"""

import contextlib
import os
import resource
import shutil
import socket
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers import CACHE, FETCH_WITHIN_S
from benchmarks.servers import BenchmarkError, clean_env, free_port, running

BACKLOG = 128


class Postfix(NamedTuple):
    """Where the programs and their libraries are."""

    sink: str
    source: str
    libraries: str

    def env(self) -> dict[str, str]:
        """The environment that the programs run in."""
        return clean_env(LD_LIBRARY_PATH=self.libraries)


def find_postfix() -> Postfix:
    """The machine's programs, or Debian's, fetched once.

    Raises:
        BenchmarkError: they cannot be had.
    """
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    sink, source = shutil.which("smtp-sink", path=path), shutil.which("smtp-source", path=path)
    if sink and source:
        return Postfix(sink, source, "/usr/lib/postfix")
    folder = CACHE / "postfix"
    unpacked = folder / "unpacked" / "usr"
    if not (unpacked / "sbin" / "smtp-sink").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run(["apt-get", "download", "postfix"], folder)
        (package, *_) = folder.glob("postfix_*.deb")
        _run(["dpkg", "-x", package.name, "unpacked"], folder)
    programs = unpacked / "sbin"
    return Postfix(
        str(programs / "smtp-sink"), str(programs / "smtp-source"), str(unpacked / "lib/postfix")
    )


@contextlib.contextmanager
def sink(postfix: Postfix, folder: Path, kept: Path | None = None) -> Generator[int]:
    """Run `smtp-sink` inside the block; its port. It throws mails away, or keeps each in `kept`."""
    port = free_port()
    command = [postfix.sink, "-m", "200"]
    if os.getuid() == 0:  # it refuses to take mails as root
        command += ["-u", "nobody"]
    if kept is not None:
        kept.chmod(0o777)  # the sink's own user writes there
        command += ["-d", f"{kept}/mail."]
    command += [f"127.0.0.1:{port}", str(BACKLOG)]
    with running(command, folder, lambda: _greets(port), postfix.env()):
        yield port


def time_source(postfix: Postfix, port: int, *, mails: int, size: int, connections: int) -> float:
    """The CPU seconds that `smtp-source` takes to send so many mails of so many bytes.

    Raises:
        BenchmarkError: it failed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [
            postfix.source, "-d", "-s", str(connections), "-m", str(mails), "-l", str(size),
            "-f", "hello@dewpoint.example", "-t", "shopper@example.com", f"127.0.0.1:{port}",
        ],
        env=postfix.env(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise BenchmarkError(f"smtp-source failed: {done.stderr.strip()}")
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def read_mails(kept: Path) -> list[bytes]:
    """The mails that a sink kept, as they were sent."""
    mails = []
    for file in sorted(kept.iterdir()):
        # What the sink says of the connection ends with its own Received.
        _, _, rest = file.read_bytes().partition(b"\nReceived: ")
        lines = rest.split(b"\n")[1:]
        while lines and lines[0].startswith(b"\t"):
            lines.pop(0)
        mails.append(b"\r\n".join(lines))
    return mails


def _greets(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as line:
        return line.recv(3) == b"220"
    return False


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=FETCH_WITHIN_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchmarkError(f"Postfix's smtp-sink cannot be had: {error}.") from None
    if done.returncode:
        words = (done.stderr.strip() or "it said nothing").splitlines()
        raise BenchmarkError(f"Postfix's smtp-sink cannot be had: {words[-1]}")
