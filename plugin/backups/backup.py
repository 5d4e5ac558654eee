"""Make a backup while everything runs."""

import shutil
from importlib.metadata import version
from pathlib import Path

from plugin import clock
from plugin.backups.archive import (
    BackupManifest,
    digest_files,
    key_checks,
    write_archive,
)
from plugin.backups.work_folder import folder_beside
from plugin.errors import RegularsError
from plugin.settings import get_settings
from storage import copies, schema
from storage.engine import db

MAIN, INBOX, DUMP = "regulars.db", "regulars-inbox.db", "regulars.dump"
UPLOADS = "imports"  # merchants' files, in the data folder


def make_backup(file: Path) -> BackupManifest:
    """Write a backup that holds everything that was acknowledged before it began.

    Raises:
        RegularsError: it cannot be made; no file is left.
    """
    made_at = clock.now()
    with folder_beside(file) as folder:
        try:
            rows = _copy_database(folder)
            _copy_uploads(folder)
        except copies.CopyError as error:
            raise RegularsError(str(error)) from None
        except OSError as error:
            raise RegularsError(f"Can't write to {file.parent}: {error.strerror}.") from None
        names = [str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()]
        manifest = BackupManifest(
            regulars=version("regulars"),
            made_at=made_at,
            database=db.engine().dialect.name,
            versions=current_versions(),
            key_check=key_checks()[0],
            rows=rows,
            files=digest_files(folder, names),
        )
        write_archive(file, folder, manifest)
    return manifest


def current_versions() -> str:
    """The newest versions of the database's two lines of migrations."""
    return "-".join(schema.newest(line) for line in schema.LINES)


def _copy_database(folder: Path) -> dict[str, int]:
    """Copy the database; how many rows each table has.

    On SQLite the inbox goes first: what it holds as new may be digested again, which changes
    nothing; what it held as done must have its effects in the other file.
    """
    if not db.is_sqlite(db.engine()):
        return copies.dump_postgres(db.engine(), folder / DUMP)
    rows: dict[str, int] = {}
    for name, engine in ((INBOX, db.inbox_engine()), (MAIN, db.engine())):
        copies.copy_sqlite(engine, folder / name)
        copies.check_sqlite(folder / name)
        rows |= copies.count_sqlite(folder / name)
    return rows


def _copy_uploads(folder: Path) -> None:
    """Copy merchants' files; one that is deleted meanwhile is left out."""
    source = get_settings().data_dir / UPLOADS
    for file in source.rglob("*"):
        to = folder / UPLOADS / file.relative_to(source)
        if file.is_file():
            to.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(file, to)
            except FileNotFoundError:
                continue
