"""`regulars backup`, `restore` and `unsent`, as an operator types them."""

import pytest

from plugin.settings import get_settings
from storage.engine import db

pytestmark = pytest.mark.usefixtures("data_dir")


@pytest.fixture
def backup(run, tmp_path):
    file = tmp_path / "backup.tar"
    said = run("backup", str(file))
    assert said.startswith(f"wrote {file}: "), said
    return file


def test_a_backup_overwrites_nothing(run, backup):
    assert run("backup", str(backup)) == f"{backup} exists. Name a new file."


def test_a_restored_copy_is_held_until_it_is_told(run, backup, tmp_path, monkeypatch):
    monkeypatch.setenv("REGULARS_DATA_DIR", str(tmp_path / "elsewhere"))
    get_settings.cache_clear()
    db.disconnect()

    said = run("restore", str(backup))
    assert said.startswith("restored the backup of ")
    assert said.endswith("regulars unsent --send            they did not: send them now")
    assert "Nothing is sent until you say" in run("unsent")
    assert "Choose one" in run("unsent", "--send", "--count-as-sent")
    assert run("unsent", "--count-as-sent").startswith("What was due by then counts as sent.")
    assert run("unsent").startswith("Nothing is held")
    assert run("unsent", "--send").startswith("Nothing is held")


def test_what_is_no_backup_is_refused_in_one_line(run, tmp_path, monkeypatch):
    monkeypatch.setenv("REGULARS_DATA_DIR", str(tmp_path / "elsewhere"))
    get_settings.cache_clear()
    file = tmp_path / "holiday.jpg"
    file.write_bytes(b"\xff\xd8\xff\xe0" * 300)

    said = run("restore", str(file))
    assert said.startswith(f"{file} is not a whole backup of Regulars")
    assert len(said.splitlines()) == 1
