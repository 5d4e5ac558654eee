"""Bring a backup back into an empty place, and ask what of it must not be sent again."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from plugin import clock
from plugin.backups import backup
from plugin.backups.archive import BackupManifest, read_archive
from plugin.backups.work_folder import folder_beside
from plugin.errors import RegularsError
from plugin.runtime.connect import connect_database
from plugin.settings import Settings
from storage import arrivals, copies, restorations, schema, transfers
from storage.engine import db


def restore_backup(file: Path, settings: Settings) -> BackupManifest:
    """Bring a backup back, upgrade it to this version, and hold what was due until it is decided.

    One of SQLite comes into PostgreSQL, too.

    Raises:
        RegularsError: the file is no whole backup, its place is not empty or has no room, or it is
            of a newer version, or of PostgreSQL and its place is SQLite.
    """
    address = db.parse_url(settings.database())
    kind = address.get_backend_name()
    place = Path(address.database or "") if kind == "sqlite" else settings.data_dir / file.name
    try:
        for folder in (settings.data_dir, place.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with folder_beside(place) as folder:
            manifest = read_archive(file, folder)
            _require_known(manifest)
            if kind == "sqlite":
                _restore_sqlite(folder, manifest, settings, place)
            elif manifest.database == "sqlite":
                _move_to_postgres(folder, manifest, settings)
            else:
                _restore_postgres(folder, manifest, settings)
    except OSError as error:
        raise RegularsError(f"Can't restore to {place.parent}: {error.strerror}.") from None
    except (copies.CopyError, db.DatabaseError) as error:
        raise RegularsError(str(error)) from None
    return manifest


def _require_known(manifest: BackupManifest) -> None:
    """Go on only with a version of the database that this code knows, and can upgrade."""
    for line, revision in zip(schema.LINES, manifest.versions.split("-"), strict=False):
        if not schema.is_known(line, revision):
            raise RegularsError(
                f"This backup was made by a newer Regulars ({manifest.regulars}): this one does "
                f"not know its database ({manifest.versions}). Install that version, and restore "
                "it there."
            )


def _restore_sqlite(
    folder: Path, manifest: BackupManifest, settings: Settings, database: Path
) -> None:
    """Upgrade and hold the databases where they are unpacked: what has no hold, or not all of its
    migrations, is never in its place.
    """
    if manifest.database != "sqlite":
        raise RegularsError(
            "This backup is of PostgreSQL, and comes back into PostgreSQL alone. Set "
            "REGULARS_DATABASE_URL to an empty PostgreSQL database."
        )
    places = {backup.INBOX: db.inbox_path(database), backup.MAIN: database}
    _require_empty(places.values())
    _prepare_sqlite(folder, manifest)
    _place_uploads(folder, settings)
    for name, place in places.items():
        (folder / name).chmod(0o600)
        (folder / name).replace(place)
    connect_database(settings)


def _prepare_sqlite(folder: Path, manifest: BackupManifest, *, take_in: bool = False) -> None:
    """Check, upgrade and hold the databases of SQLite that are unpacked in a folder.

    With `take_in` each arrival gets its delivery, as on PostgreSQL, where the door gives it.
    """
    rows: dict[str, int] = {}
    for name in (backup.INBOX, backup.MAIN):
        copies.check_sqlite(folder / name)
        rows |= copies.count_sqlite(folder / name)
    _require_rows(manifest.rows, rows)
    db.connect(f"sqlite:///{folder / backup.MAIN}")
    schema.upgrade()
    _hold(manifest)
    if take_in:
        arrivals.take_in_all_arrivals()
    db.disconnect()  # which leaves all in the files themselves


def _move_to_postgres(folder: Path, manifest: BackupManifest, settings: Settings) -> None:
    """The hold comes first, and everything else in one transaction: if we end in between, the
    same backup can be restored again.
    """
    connect_database(settings)
    transfers.require_empty()
    _prepare_sqlite(folder, manifest, take_in=True)
    connect_database(settings)
    schema.upgrade()
    transfers.load_restorations(folder / backup.MAIN)
    _place_uploads(folder, settings)
    transfers.load_rows(folder / backup.MAIN, folder / backup.INBOX)


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
