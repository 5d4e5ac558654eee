"""A backup holds everything that was acknowledged before it began, and comes back as it was."""

import os
import resource
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from plugin import clock
from plugin.backups.backup import make_backup
from plugin.backups.restore import restore_backup
from plugin.backups.unsent import decide, describe, require_decision
from plugin.errors import RegularsError
from plugin.settings import Settings
from storage import copies
from storage.engine import db, encryption
from storage.restorations import UnsentChoice, begin_restoration
from storage.shops import Shop, get_shop
from tests.conftest import SETTINGS
from tests.plugin.backups.contents import (
    all_rows,
    back_up_under_load,
    digest_all,
    known_emails,
)
from tests.rules import canary

AT = datetime(2026, 11, 1, 9, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("data_dir")


def test_o03_everything_comes_back_as_it_was(
    database: str, shop: Shop, data_dir: Path, tmp_path: Path, elsewhere: Callable[[], Settings]
) -> None:
    canary.plant(shop)
    before = all_rows()
    uploads = {file.name: file.read_bytes() for file in data_dir.rglob("*.csv")}

    manifest = make_backup(tmp_path / "backup.tar")
    settings = elsewhere()
    restore_backup(tmp_path / "backup.tar", settings)

    after = all_rows()
    assert len(after.pop("restoration")) == 1
    before.pop("restoration")
    assert after == before
    assert sum(manifest.rows.values()) > 50
    assert {file.name: file.read_bytes() for file in settings.data_dir.rglob("*.csv")} == uploads
    with db.reading() as session:
        restored = get_shop(session, shop.id)
        assert restored
        assert restored.access_token == "shpat_test", "its secrets open with the same key"


def test_o03_what_was_acknowledged_before_a_backup_is_in_it_while_others_write(
    database: str, shop: Shop, tmp_path: Path, elsewhere: Callable[[], Settings]
) -> None:
    acknowledged = back_up_under_load(shop, tmp_path / "backup.tar")

    restore_backup(tmp_path / "backup.tar", elsewhere())

    digest_all(shop)
    assert acknowledged <= known_emails(shop)


def test_a_backup_is_its_owners_alone(sqlite: str, shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    canary.plant(shop)
    make_backup(file)

    assert file.stat().st_mode & 0o777 == 0o600
    assert SETTINGS["REGULARS_SECRET_KEY"].encode() not in file.read_bytes()
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_a_place_that_is_not_empty_is_left_alone(
    database: str, shop: Shop, tmp_path: Path, elsewhere: Callable[[], Settings]
) -> None:
    make_backup(tmp_path / "backup.tar")
    settings = elsewhere()
    restore_backup(tmp_path / "backup.tar", settings)

    with pytest.raises(RegularsError, match=r"exists\. Restore into an empty|is not empty"):
        restore_backup(tmp_path / "backup.tar", settings)


def test_a_damaged_backup_is_refused_before_anything_is_written(
    database: str, shop: Shop, tmp_path: Path, elsewhere: Callable[[], Settings]
) -> None:
    file = tmp_path / "backup.tar"
    make_backup(file)
    with tarfile.open(file) as tar:
        name = next(name for name in tar.getnames() if name.startswith("regulars."))
        middle = tar.getmember(name).offset_data + tar.getmember(name).size // 2
    whole = file.read_bytes()
    settings = elsewhere()

    for spoilt in (whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], whole[:900]):
        file.write_bytes(spoilt)
        with pytest.raises(RegularsError, match=r"is damaged|is not a whole backup"):
            restore_backup(file, settings)

    assert [*settings.data_dir.iterdir()] == []
    engine = create_engine(db.parse_url(settings.database()))
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            assert connection.execute(text(tables)).scalar_one() == 0
    engine.dispose()


def test_a_backup_of_another_key_is_refused_by_name(
    sqlite: str, shop: Shop, tmp_path: Path, elsewhere: Callable[[], Settings]
) -> None:
    make_backup(tmp_path / "backup.tar")
    encryption.set_keys({"1": "quite another key of at least 32 characters"})
    try:
        with pytest.raises(RegularsError, match="another REGULARS_SECRET_KEY"):
            restore_backup(tmp_path / "backup.tar", elsewhere())
    finally:
        encryption.set_keys({"1": SETTINGS["REGULARS_SECRET_KEY"]})


def test_a_log_that_an_older_database_left_is_not_written_into_a_restored_one(
    sqlite: str, shop: Shop, tmp_path: Path, elsewhere: Callable[[], Settings]
) -> None:
    make_backup(tmp_path / "backup.tar")
    settings = elsewhere()
    left = Path(f"{db.parse_url(settings.database()).database}-wal")
    left.write_bytes(b"what a crash left")

    with pytest.raises(RegularsError, match=r"-wal exists\. Restore into an empty"):
        restore_backup(tmp_path / "backup.tar", settings)

    assert [*settings.data_dir.iterdir()] == [left]


def test_what_is_restored_half_is_not_there_or_is_held(
    database: str,
    shop: Shop,
    tmp_path: Path,
    elsewhere: Callable[[], Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without its hold it would send again what was sent."""
    make_backup(tmp_path / "backup.tar")
    settings = elsewhere()

    def die() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("storage.schema.upgrade", die)
    with pytest.raises(KeyboardInterrupt):
        restore_backup(tmp_path / "backup.tar", settings)

    if database.startswith("sqlite"):
        assert [*settings.data_dir.iterdir()] == []
        return
    with pytest.raises(RegularsError, match="Nothing is sent until you say"):
        require_decision()


def test_a_backup_of_what_is_held_is_in_doubt_since_the_first(
    sqlite: str, shop: Shop, tmp_path: Path, elsewhere: Callable[[], Settings]
) -> None:
    with db.transaction() as session:
        begin_restoration(session, backed_up_at=AT, restored_at=clock.now())
    make_backup(tmp_path / "backup.tar")

    restore_backup(tmp_path / "backup.tar", elsewhere())

    assert f"was sent between {AT:%Y-%m-%d %H:%M} and " in describe()[0]
    decide(UnsentChoice.SENT)
    require_decision()


def test_a_disk_without_room_is_said_in_a_sentence_and_leaves_nothing(
    sqlite: str, shop: Shop, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        with pytest.raises(RegularsError, match=r"regulars-inbox\.db can't be copied: d.+\.$"):
            make_backup(folder / "backup.tar")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert [*folder.iterdir()] == []


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, does: str) -> None:
    """Put a program in the place of `pg_dump`."""
    program = folder / "pg_dump"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_postgresql_s_programs_get_the_whole_address_but_no_password_in_a_list_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, tmp_path, f'printf "%s\\n" "$@" "$PGPASSWORD" > {tmp_path}/said')

    copies.run("pg_dump", make_url("postgresql://u:p@h:5433/d?sslcert=/c&sslkey=/k"), ["file"])

    *words, password = (tmp_path / "said").read_text().split()
    assert "--dbname=postgresql://u@h:5433/d?sslcert=%2Fc&sslkey=%2Fk" in words
    assert password == "p"
    assert "p" not in words


def test_a_pooler_is_named_as_what_stands_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "FATAL:  unsupported startup parameter: options"
    stand_in(monkeypatch, tmp_path, f'echo "pg_dump: error: {said}" >&2; exit 1')

    with pytest.raises(copies.CopyError, match=r"can't work through a pooler\. Run this command"):
        copies.run("pg_dump", make_url("postgresql://u@h/d"), [])
