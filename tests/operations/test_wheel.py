"""The wheel: ours alone in its folder, whole, and able to play the story by itself."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.operations.processes import environment
from tests.sizes import PATIENCE

ROOT = Path(__file__).parents[2]
FOLDERS = ("plugin", "webhooks", "admin_ui", "storage", "devstore", "extensions")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [path] = folder.glob("*.whl")
    return path


def test_it_lays_one_file_and_one_folder_into_site_packages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"regulars.py", "regulars"}
    assert "regulars/__init__.py" not in names  # else the folder would hide the entry module


def test_it_holds_every_file_of_ours_that_git_keeps(wheel):
    kept = subprocess.run(
        ["git", "ls-files", "--", *FOLDERS], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()

    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    missing = [name for name in kept if f"regulars/{name}" not in names and (ROOT / name).exists()]
    assert missing == []
    assert "regulars/manifest.toml" in names


def test_the_story_plays_from_the_wheel_without_the_checkout(wheel, tmp_path):
    packages, elsewhere = tmp_path / "site-packages", tmp_path / "elsewhere"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    elsewhere.mkdir()
    env = environment(PYTHONPATH=str(packages))
    where = subprocess.run(
        [sys.executable, "-c", "import regulars, plugin; print(plugin.__file__)"],
        cwd=elsewhere,
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(packages / "regulars"))

    told = subprocess.run(
        [sys.executable, "-m", "regulars", "tour", "--no-browser", "--out", "tour"],
        cwd=elsewhere,
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=240 * PATIENCE,
    )

    assert told.returncode == 0, told.stdout + told.stderr
