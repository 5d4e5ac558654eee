"""A database for thousands of examples: in memory where there is such a folder, and never kept."""

import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from sqlmodel import Session

from storage.engine import db

MEMORY = Path("/dev/shm")  # an fsync there costs nothing

Example = Callable[[], AbstractContextManager[Session]]


class OverError(Exception):
    """The example is over."""


@pytest.fixture
def in_memory(sqlite_template: Path) -> Generator[None]:
    """Connect this process to a fresh database with commits that cost nothing."""
    folder = tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None)
    for file in sqlite_template.iterdir():
        shutil.copy(file, folder)
    db.connect(f"sqlite:///{folder}/regulars.db")
    yield
    db.disconnect()
    shutil.rmtree(folder)


@pytest.fixture
def example(in_memory: None) -> Example:
    """Begin an example: a transaction of which nothing stays."""

    @contextmanager
    def begin() -> Generator[Session]:
        with suppress(OverError), db.transaction() as session:
            yield session
            raise OverError

    return begin
