"""The shop's time: real time plus an offset that the app reads from the same file."""

import contextlib
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

FILE = "REGULARS_CLOCK_FILE"
LOOK_EVERY_S = 0.05  # a stat costs 1 us, but load reads the time a hundred thousand times

_lock = threading.Lock()
_offset_s = 0.0
_looked_at = float("-inf")
_seen: tuple[str, int, int] | None = None


def now() -> datetime:
    """The shop's present moment, aware and in UTC."""
    return datetime.now(UTC) + timedelta(seconds=offset_s())


def offset_s() -> float:
    """How far the shop's clock runs ahead of the real one, in seconds."""
    global _looked_at
    path = os.environ.get(FILE)
    if path and time.monotonic() - _looked_at >= LOOK_EVERY_S:
        _looked_at = time.monotonic()
        _read(path)
    return _offset_s


def advance(seconds: float) -> None:
    """Move the shop's clock on, for every process that reads the same file."""
    global _offset_s, _looked_at
    with _lock:
        path = os.environ.get(FILE)
        if path:
            _read(path)
        _offset_s += seconds
        if path:
            _write(Path(path), _offset_s)
            _looked_at = float("-inf")


def _read(path: str) -> None:
    """Take the offset from the file when it changed; a missing file is an offset of nothing."""
    global _offset_s, _seen
    try:
        stat = Path(path).stat()
    except FileNotFoundError:
        _offset_s, _seen = 0.0, None
        return
    mark = (path, stat.st_mtime_ns, stat.st_ino)
    if mark != _seen:
        # Another process may be half way through a file that it rewrites in place.
        with contextlib.suppress(ValueError, FileNotFoundError):
            _offset_s = float(Path(path).read_text().strip() or 0)
            _seen = mark


def _write(path: Path, offset: float) -> None:
    """Replace the file in one step, so that no reader sees half a number."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.write_text(f"{offset!r}\n")
    fresh.replace(path)
