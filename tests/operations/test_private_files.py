"""What an installation keeps is its owner's alone, also where an earlier version was laxer."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from plugin.runtime.private_files import make_private
from plugin.settings import Settings
from tests.operations.processes import SETTINGS, run


@pytest.fixture
def lax():
    """The umask of a machine on which users share their files."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


@pytest.mark.usefixtures("lax")
def test_an_existing_installation_is_mended_at_start(tmp_path, sqlite_template):
    data = tmp_path / "var" / "data"
    shutil.copytree(sqlite_template, data)
    for folder, file in (("imports/7", "1.csv"), ("broker/appendonlydir", "a.aof"),
                         ("regulars.locks", "token-1"), (".", "a-neighbours.txt")):  # fmt: skip
        (data / folder).mkdir(parents=True, exist_ok=True)
        (data / folder / file).touch()
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (data / "imports" / "elsewhere").symlink_to(outside)
    for path in data.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o777 if path.is_dir() else 0o666)
    data.chmod(0o777)

    assert run("migrate", cwd=tmp_path, **SETTINGS).returncode == 0

    lax = {path.name for path in (data, *data.rglob("*")) if path.lstat().st_mode & 0o077}
    assert lax == {"a-neighbours.txt", "elsewhere"}
    assert mode_of(data) == "0700"
    assert mode_of(data / "regulars.db") == mode_of(data / "regulars.db-turns") == "0600"
    assert mode_of(outside) == "0755"


@pytest.mark.usefixtures("lax")
def test_a_new_installation_is_private_from_the_start(tmp_path):
    assert run("migrate", cwd=tmp_path, **SETTINGS).returncode == 0

    data = tmp_path / "var" / "data"
    assert mode_of(data) == "0700"
    assert {mode_of(path) for path in data.iterdir() if path.is_file()} == {"0600"}


def test_a_folder_that_all_users_share_stays_theirs(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)

    make_private(Settings(_env_file=None, data_dir=shared))

    assert mode_of(shared) == "1777"
