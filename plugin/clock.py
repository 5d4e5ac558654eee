"""The time. `now()` is the only clock in the project, so that tests and the demo can set it.

With `REGULARS_CLOCK_FILE` set, the file holds how many seconds we are ahead of real time; every
process reads it, and `advance` writes it. The dev store reads the same file.

What time it is in a zone is the locked `tzdata`'s to say: Python would ask the machine's own files
first, which may be years old. An old one is an hour off in Vancouver since 2026-11-01.
"""

import os
import time
import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

POLL_INTERVAL_S = 0.05

zoneinfo.reset_tzpath(to=())
zoneinfo.ZoneInfo.clear_cache()

_offset = timedelta()
_looked_at = float("-inf")


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC) + _ahead()


@lru_cache(1)
def zone_names() -> frozenset[str]:
    """All names that have a zone."""
    return frozenset(zoneinfo.available_timezones())


def advance(by: timedelta) -> None:
    """Advance the clock of every process that shares our clock file.

    Raises:
        RuntimeError: there is no clock file, so this is real time.
    """
    global _looked_at
    path = _file()
    if path is None:
        raise RuntimeError("REGULARS_CLOCK_FILE is not set.")
    total = (_read(path) + by).total_seconds()
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(str(total))
    fresh.replace(path)
    _looked_at = float("-inf")


def _ahead() -> timedelta:
    global _offset, _looked_at
    path = _file()
    if path is None:
        return timedelta()
    if time.monotonic() - _looked_at > POLL_INTERVAL_S:
        _offset, _looked_at = _read(path), time.monotonic()
    return _offset


def _file() -> Path | None:
    name = os.environ.get("REGULARS_CLOCK_FILE")
    return Path(name) if name else None


def _read(path: Path) -> timedelta:
    try:
        return timedelta(seconds=float(path.read_text() or 0))
    except FileNotFoundError:
        return timedelta()
