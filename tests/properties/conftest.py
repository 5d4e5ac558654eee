"""A database for thousands of examples: in memory where there is such a folder, and never kept."""

import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from sqlmodel import Session

from storage import db

MEMORY = Path("/dev/shm")  # an fsync there costs nothing

Example = Callable[[], AbstractContextManager[Session]]


class OverError(Exception):
    """The example is over."""


@pytest.fixture
def example(sqlite_template: Path) -> Generator[Example]:
    """Begin an example: a transaction of which nothing stays."""
    folder = tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None)
    for file in sqlite_template.iterdir():
        shutil.copy(file, folder)
    db.connect(f"sqlite:///{folder}/regulars.db")

    @contextmanager
    def begin() -> Generator[Session]:
        with suppress(OverError), db.transaction() as session:
            yield session
            raise OverError

    yield begin
    db.disconnect()
    shutil.rmtree(folder)
