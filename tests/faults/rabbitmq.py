"""A RabbitMQ of a test's own, to kill and to start anew: a node and the server of its name."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from plugin.runtime import parent_death
from tests.faults.town import descendants, eventually, free_ports
from tests.sizes import PATIENCE

# What Debian's package calls `rabbitmq-server` on the path changes to its own user and folder.
PROGRAMS = (Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), Path("/usr/sbin/rabbitmq-server"))
PROGRAM = next((str(each) for each in PROGRAMS if each.exists()), "")
NAMES = shutil.which("epmd") or ""  # Erlang's: it tells where a node listens
# It is written in Erlang, and no package of Python's brings it along: where Debian's is not
# installed, an operator who uses Valkey is tested all the same.
needed = pytest.mark.skipif(not (PROGRAM and NAMES), reason="RabbitMQ is not installed")


class RabbitMq:
    """One node on loopback alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, nodes, names = free_ports(3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}"
        (folder / "plugins").write_text("[].")
        (folder / "rabbitmq.conf").write_text(f"listeners.tcp.local = 127.0.0.1:{self.port}\n")
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),  # where the node's cookie lies
            "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "regulars@localhost",
            "RABBITMQ_DIST_PORT": str(nodes),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "-kernel inet_dist_use_interface {127,0,0,1}",
        }  # fmt: skip
        self._names = self._run([NAMES, "-port", str(names), "-address", "127.0.0.1"])
        self._node: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the node, and wait until it takes connections."""
        self._node = self._run([PROGRAM])
        eventually("RabbitMQ listens", self._listens, within_s=120)

    def _listens(self) -> bool:
        assert self._node is not None
        assert self._node.poll() is None, (self.folder / "node.log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
            return True
        return False

    def kill(self) -> None:
        """kill -9: the node and all that it started."""
        assert self._node is not None
        for pid in (*descendants(self._node.pid), self._node.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._node.wait()

    def close(self) -> None:
        """End everything."""
        if self._node is not None:
            self.kill()
        self._names.terminate()
        self._names.wait(10 * PATIENCE)

    def _run(self, words: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "node.log").open("ab") as log:
            return subprocess.Popen(
                words, env=self._env, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT,
                preexec_fn=parent_death.exit_with_parent,
            )  # fmt: skip


@contextlib.contextmanager
def rabbitmq(folder: Path) -> Generator[RabbitMq]:
    """A node with an empty folder, which runs."""
    folder.mkdir()
    ours = RabbitMq(folder)
    try:
        ours.start()
        yield ours
    finally:
        ours.close()
