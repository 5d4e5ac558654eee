"""Bring a backup back into an empty place, and ask what of it must not be sent again."""

import shutil
from collections.abc import Iterable, Mapping
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
        RegularsError: the file is no whole backup, its place is not empty or has no room, or it is
            of another database or a newer version.
    """
    address = db.parse_url(settings.database())
    kind = address.get_backend_name()
    place = Path(address.database or "") if kind == "sqlite" else settings.data_dir / file.name
    try:
        for folder in (settings.data_dir, place.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with folder_beside(place) as folder:
            manifest = read_archive(file, folder)
            if kind != manifest.database:
                raise RegularsError(
                    f"This backup is of {manifest.database}, and REGULARS_DATABASE_URL names "
                    f"{kind}."
                )
            if kind == "sqlite":
                _restore_sqlite(folder, manifest, settings, place)
            else:
                _restore_postgres(folder, manifest, settings)
    except OSError as error:
        raise RegularsError(f"Can't restore to {place.parent}: {error.strerror}.") from None
    except (copies.CopyError, db.DatabaseError) as error:
        raise RegularsError(str(error)) from None
    return manifest


def _restore_sqlite(
    folder: Path, manifest: BackupManifest, settings: Settings, database: Path
) -> None:
    """Upgrade and hold the databases where they are unpacked: what has no hold, or not all of its
    migrations, is never in its place.
    """
    places = {backup.INBOX: db.inbox_path(database), backup.MAIN: database}
    _require_empty(places.values())
    rows: dict[str, int] = {}
    for name in places:
        copies.check_sqlite(folder / name)
        rows |= copies.count_sqlite(folder / name)
    _require_rows(manifest.rows, rows)
    db.connect(f"sqlite:///{folder / backup.MAIN}")
    schema.upgrade()
    _hold(manifest)
    db.disconnect()  # which leaves all in the files themselves
    _place_uploads(folder, settings)
    for name, place in places.items():
        (folder / name).chmod(0o600)
        (folder / name).replace(place)
    connect_database(settings)


def _restore_postgres(folder: Path, manifest: BackupManifest, settings: Settings) -> None:
    """The hold comes first: if we end after it, nothing is sent."""
    copies.restore_postgres(folder / backup.DUMP, settings.database())
    connect_database(settings)
    _hold(manifest)
    counted = {name: n for name, n in manifest.rows.items() if name != "restoration"}
    _require_rows(counted, copies.count_postgres(settings.database(), counted))
    schema.upgrade()
    _place_uploads(folder, settings)


def _hold(manifest: BackupManifest) -> None:
    with db.transaction() as session:
        restorations.begin_restoration(
            session, backed_up_at=manifest.made_at, restored_at=clock.now()
        )


def _place_uploads(folder: Path, settings: Settings) -> None:
    if (folder / backup.UPLOADS).is_dir():
        shutil.copytree(
            folder / backup.UPLOADS, settings.data_dir / backup.UPLOADS, dirs_exist_ok=True
        )


def _require_empty(places: Iterable[Path]) -> None:
    """Go on only where no part of a database lies: SQLite would write the log of an older one,
    left beside it, into what we put there (sqlite.org/howtocorrupt.html, 2.4).
    """
    parts = (Path(f"{place}{end}") for place in places for end in ("", "-wal", "-journal"))
    for part in parts:
        if part.exists():
            raise RegularsError(
                f"{part} exists. Restore into an empty folder: move the old one away with the "
                "files beside it, or set another REGULARS_DATA_DIR."
            )


def _require_rows(counted: Mapping[str, int], found: Mapping[str, int]) -> None:
    """Go on only with as many rows in each table as were counted when the backup was made."""
    for table, count in counted.items():
        if found.get(table) != count:
            raise RegularsError(f"{table} came back with {found.get(table)} rows of {count}.")
