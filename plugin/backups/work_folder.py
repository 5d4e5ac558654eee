"""The private folder in which a backup is made or unpacked; what a killed process left is removed.

A process that works in one holds its lock, which ends with it, however it ends.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from plugin.errors import RegularsError

PREFIX = ".regulars-backup-"  # ours alone: what is called so is removed


@contextmanager
def folder_beside(file: Path) -> Generator[Path]:
    """A private folder on the disk of `file`, gone when the block ends.

    Raises:
        RegularsError: it cannot be written there.
    """
    try:
        remove_leftovers(file.parent)
        folder, lock = _make(file.parent)
    except OSError as error:
        raise RegularsError(f"Can't write to {file.parent}: {error.strerror}.") from None
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(lock)


def archive_of(folder: Path) -> Path:
    """Where the archive of what lies in a folder is written before it gets its name."""
    return folder.with_name(f"{folder.name}.tar")


def remove_leftovers(parent: Path) -> None:
    """Remove the folders of ours in which none works any more."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another's, or a disk that knows no locks: it stays
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
            finally:
                os.close(lock)


def _make(parent: Path) -> tuple[Path, int]:
    """Make a folder and lock it; another process may remove it between the two, so we look."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=PREFIX))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        with suppress(OSError):  # a disk that knows no locks, where none is removed either
            fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        os.close(lock)


def _remove(folder: Path) -> None:
    """The archive goes first: it is found by its folder."""
    archive_of(folder).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
