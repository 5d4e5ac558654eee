"""A backup that was killed leaves nothing for long; one that goes on is left alone."""

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from plugin.backups.backup import make_backup
from plugin.backups.work_folder import PREFIX, remove_leftovers
from storage.shops import Shop

pytestmark = pytest.mark.usefixtures("data_dir")

# What a backup of a large database looks like from outside: half of it lies there.
WORKS = """
import sys, time
from pathlib import Path
from plugin.backups.work_folder import archive_of, folder_beside
with folder_beside(Path(sys.argv[1])) as folder:
    (folder / "regulars.db").write_bytes(b"half of a shop")
    archive_of(folder).write_bytes(b"half of an archive")
    print("half", flush=True)
    time.sleep(600)
"""


@contextmanager
def working(file: Path) -> Generator["subprocess.Popen[str]"]:
    """A process in the midst of a backup."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKS, str(file)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "half\n"
            yield process
        finally:
            process.kill()


def left(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.name.startswith(PREFIX))


def test_what_a_killed_backup_left_goes_with_the_next_one(
    sqlite: str, shop: Shop, tmp_path: Path
) -> None:
    place = tmp_path / "backups"
    place.mkdir()
    with working(place / "one.tar") as killed, working(place / "two.tar") as other:
        assert len(left(place)) == 4
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert len(left(place)) == 4, "a kill leaves what lies there"

        make_backup(place / "three.tar")

        assert len(left(place)) == 2, "who works goes on"
        other.kill()
        other.wait()
        make_backup(place / "four.tar")
    assert {each.name for each in place.iterdir()} == {"three.tar", "four.tar"}


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".backup-of-others").mkdir()
    (tmp_path / "precious").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "precious")

    remove_leftovers(tmp_path)

    assert (tmp_path / "precious").is_dir()
    assert (tmp_path / ".backup-of-others").is_dir()
