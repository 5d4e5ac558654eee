"""The data folder: one `regulars serve` has it, whatever database and broker the settings name."""

import fcntl
import os
from pathlib import Path

from plugin.errors import RegularsError

LOCK_NAME = "serve.lock"


def claim_folder(data_dir: Path) -> int:
    """Make the data folder if it is not there, and lock it for as long as this process lives.

    Raises:
        RegularsError: another Regulars runs on it, or it cannot be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritable(data_dir, error) from None
    if not is_locked_by_us(lock):
        owner = os.pread(lock, 32, 0).decode(errors="replace").strip()
        os.close(lock)
        raise RegularsError(
            f"Regulars is already running on {data_dir} (process {owner}). "
            "Stop it first, or set another REGULARS_DATA_DIR."
        )
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    except OSError as error:  # a full disk
        raise unwritable(data_dir, error) from None
    return lock


def unwritable(data_dir: Path, error: OSError) -> RegularsError:
    """The error of a folder that this process must write to and cannot."""
    return RegularsError(
        f"Can't write to {data_dir}: {error.strerror}. "
        "Make it writable, or set another REGULARS_DATA_DIR."
    )


def is_locked_by_us(lock: int) -> bool:
    """Take a file's lock if it is free; whether it is ours now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
