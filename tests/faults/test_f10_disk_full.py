"""F10: no room on the disk: webhooks are put off, no file is harmed, and all goes on by itself."""

import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.faults.served import AGAIN_S, Served, tell
from tests.operations.processes import SETTINGS, run
from tests.sizes import size

DISK_MB, FULL_S, PER_S = size((24, 3.0, 40), (128, 60.0, 50))
WITHIN_S = 120.0


@pytest.fixture
def disk(tmp_path: Path) -> Generator[Path]:
    """A small disk of our own; only root can mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(place))
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"F10 WAS NOT CHECKED: no disk can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(("umount", "-l", str(place)), check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for piece in (1_000_000, 4_096):
            try:
                while file.write(bytes(piece)) == piece:
                    pass
            except OSError:
                continue
    return ballast


def test_f10_a_full_disk_puts_everybody_off_and_harms_nothing(disk):
    lasts_s = int(FULL_S + 4)
    with Served(disk, whole=True) as served:
        pids = served.pids()
        with served.loading((lasts_s, PER_S), again_s=AGAIN_S) as result:
            time.sleep(1)
            ballast = fill(disk)
            time.sleep(FULL_S)
            health = served.ask("/healthz").status_code
            ready = served.ask("/readyz").status_code
            ballast.unlink()
            loaded, answered = result()
        drained_s = served.drain(WITHIN_S)

        tell("F10", full_s=FULL_S, answers=loaded.statuses, p99_ms=loaded.p99_ms,
             drained_s=round(drained_s, 1), missing=len(served.missing(answered)))  # fmt: skip
        assert set(loaded.statuses) == {"200", "503"}
        assert loaded.closed == loaded.late == 0
        assert (health, ready) == (200, 503)
        assert served.rows("PRAGMA integrity_check") == [("ok",)]
        assert served.rows("PRAGMA integrity_check", inbox=True) == [("ok",)]
        assert served.missing(answered) == set()
        served.effects_once(lasts_s * PER_S)
        assert served.pids() == pids


def test_f10_a_data_folder_that_is_read_only_is_told_in_one_sentence(disk, tmp_path):
    subprocess.run(("mount", "-o", "remount,ro", str(disk)), check=True)
    ended = run("serve", cwd=tmp_path, REGULARS_DATA_DIR=str(disk / "data"), **SETTINGS)

    (sentence,) = [line for line in ended.stderr.splitlines() if "event=" not in line]
    assert sentence == (
        f"regulars: Can't write to {disk / 'data'}: Read-only file system. "
        "Make it writable, or set another REGULARS_DATA_DIR."
    )
    assert ended.returncode == 1
