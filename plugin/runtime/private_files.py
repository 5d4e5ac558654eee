"""Private files: what we keep is its owner's alone, whatever the umask and however the folder came.

A reader of SQLite's files could read every shopper, and hold the writers' lock.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import structlog
from sqlalchemy.engine import make_url

from plugin.settings import Settings
from storage.engine import db

OTHERS = 0o077  # the bits of a mode that say what group and others may
FOLDERS = ("broker", "imports")  # of ours in the data folder, with all that is in them
BESIDE_A_DATABASE = ("", "-wal", "-shm", "-journal", "-turns")

log = structlog.get_logger()


def make_private(settings: Settings) -> None:
    """Make the data folder, and let its owner alone look into it and into what is there already.

    What comes later is private by the umask that each of our processes begins with (`regulars.py`).

    Raises:
        OSError: the folder cannot be made.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in (settings.data_dir, *_kept(settings)):
        _restrict(path)


def _kept(settings: Settings) -> Iterator[Path]:
    """Only what is called as ours are: the folder may be one that holds other things, too."""
    for name in FOLDERS:
        yield from _all_in(settings.data_dir / name)
    url = make_url(settings.database())
    if url.get_backend_name() == "sqlite" and url.database:
        for each in (url, db.inbox_url(url)):
            yield from (Path(f"{each.database}{end}") for end in BESIDE_A_DATABASE)
        yield from _all_in(Path(url.database).with_suffix(".locks"))


def _all_in(folder: Path) -> Iterator[Path]:
    yield folder
    for path, folders, files in os.walk(folder):
        yield from (Path(path, name) for name in (*folders, *files))


def _restrict(path: Path) -> None:
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode) or not found.st_mode & OTHERS:
            return
        if found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX:  # no shared /tmp
            path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
            return
    except FileNotFoundError:  # it is not there, or was a moment's
        return
    log.warning("data.readable_by_others", path=str(path))
