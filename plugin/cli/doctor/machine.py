"""This machine: the data folder, who may read it, and the room on its disk."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from plugin.cli.doctor.findings import Finding, failed, ok, warning
from plugin.runtime.private_files import OTHERS

LITTLE_BYTES, TOO_LITTLE_BYTES = 2_000_000_000, 200_000_000


def examine_folder(data_dir: Path) -> Iterator[Finding]:
    """Whether the data folder can be written, and by its owner alone."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        yield failed(
            "folder",
            f"{data_dir} cannot be written: {error.strerror}. "
            "Make it writable, or set another REGULARS_DATA_DIR.",
        )
        return
    found = data_dir.stat()
    if found.st_uid != os.geteuid():
        yield warning("folder", f"{data_dir} belongs to another user. Run Regulars as its owner.")
    elif stat.S_IMODE(found.st_mode) & OTHERS:
        yield warning("folder", f"Others may read {data_dir}. Run `chmod go= {data_dir}`.")
    else:
        yield ok("folder", f"{data_dir} is writable, for its owner alone")


def examine_disk(data_dir: Path) -> Iterator[Finding]:
    """Whether there is room."""
    try:
        free = shutil.disk_usage(data_dir).free
    except OSError:
        return  # `examine_folder` says why
    words = f"{free / 1e9:,.1f} GB are free where {data_dir} is."
    if free < TOO_LITTLE_BYTES:
        yield failed("disk", f"{words} A full disk stops all work: make room.")
    elif free < LITTLE_BYTES:
        yield warning("disk", f"{words} Make room.")
    else:
        yield ok("disk", words.rstrip("."))
