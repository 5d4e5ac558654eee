"""Bring a backup back into an empty place, and ask what of it must not be sent again."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from plugin import clock
from plugin.backups import backup
from plugin.backups.archive import BackupManifest, folder_beside, read_archive
from plugin.errors import RegularsError
from plugin.runtime.connect import connect_database
from plugin.settings import Settings
from storage import copies, restorations, schema
from storage.engine import db


def restore_backup(file: Path, settings: Settings) -> BackupManifest:
    """Bring a backup back, upgrade it to this version, and hold what was due until it is decided.

    Raises:
        RegularsError: the file is no whole backup, its place is not empty, or it is of another
            database or a newer version.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with folder_beside(settings.data_dir / file.name) as folder:
        manifest = read_archive(file, folder)
        try:
            _place(folder, manifest, settings)
            connect_database(settings)
            schema.upgrade()
        except (copies.CopyError, db.DatabaseError) as error:
            raise RegularsError(str(error)) from None
    with db.transaction() as session:
        restorations.begin_restoration(
            session, backed_up_at=manifest.made_at, restored_at=clock.now()
        )
    return manifest


def _place(folder: Path, manifest: BackupManifest, settings: Settings) -> None:
    address = db.parse_url(settings.database())
    kind = address.get_backend_name()
    if kind != manifest.database:
        raise RegularsError(
            f"This backup is of {manifest.database}, and REGULARS_DATABASE_URL names {kind}."
        )
    if kind == "sqlite":
        _place_files(folder, manifest, Path(address.database or ""))
    else:
        copies.restore_postgres(folder / backup.DUMP, settings.database())
        _require_rows(manifest, copies.count_postgres(settings.database(), manifest.rows))
    if (folder / backup.UPLOADS).is_dir():
        shutil.copytree(
            folder / backup.UPLOADS, settings.data_dir / backup.UPLOADS, dirs_exist_ok=True
        )


def _place_files(folder: Path, manifest: BackupManifest, database: Path) -> None:
    to = {backup.MAIN: database, backup.INBOX: db.inbox_path(database)}
    for place in to.values():
        if place.exists():
            raise RegularsError(
                f"{place} exists. Restore into an empty folder: move the old one away, or set "
                "another REGULARS_DATA_DIR."
            )
    rows: dict[str, int] = {}
    for name in to:
        copies.check_sqlite(folder / name)
        rows |= copies.count_sqlite(folder / name)
    _require_rows(manifest, rows)
    for name, place in to.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        (folder / name).chmod(0o600)
        (folder / name).replace(place)


def _require_rows(manifest: BackupManifest, found: Mapping[str, int]) -> None:
    """Go on only with as many rows in each table as were counted when the backup was made."""
    for table, count in manifest.rows.items():
        if found.get(table) != count:
            raise RegularsError(f"{table} came back with {found.get(table)} rows of {count}.")
