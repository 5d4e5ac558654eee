"""A backup's file: a tar with `backup.json` first, which says what is in it and how to check it."""

import hashlib
import hmac
import os
import tarfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from plugin.backups.work_folder import archive_of
from plugin.errors import RegularsError
from storage.engine import encryption

MANIFEST = "backup.json"
MAX_MANIFEST_BYTES = 10_000_000  # 300 bytes for each file of a merchant
KEY_CHECK = b"this key opens the backup"
PIECE_BYTES = 1 << 20


class BackupManifest(BaseModel):
    """What a backup holds."""

    regulars: str  # the version that made it
    made_at: datetime
    database: str  # sqlite or postgresql
    versions: str  # of the database's two lines of migrations, as `0012-0002`
    key_check: str
    rows: dict[str, int]  # by table
    files: dict[str, str]  # SHA-256 by name


def key_checks() -> list[str]:
    """What each of the installation's secret keys makes of the same words, the current one first.

    A backup is told by this whether its key is there, and says nothing about the key.
    """
    keys = encryption.derive_keys("backup").values()
    return [hmac.new(key, KEY_CHECK, hashlib.sha256).hexdigest() for key in keys]


def write_archive(file: Path, folder: Path, manifest: BackupManifest) -> None:
    """Write what lies in `folder` into one file that only its owner can read; whole or not at all.

    Raises:
        RegularsError: the file cannot be written.
    """
    coming = archive_of(folder)
    try:
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1))
        with (
            os.fdopen(os.open(coming, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw,
            tarfile.open(fileobj=raw, mode="w") as tar,
        ):
            for name in (MANIFEST, *sorted(manifest.files)):
                tar.add(folder / name, name)
            tar.close()
            raw.flush()
            os.fsync(raw.fileno())
        coming.replace(file)
    except OSError as error:
        raise RegularsError(f"Can't write {file}: {error.strerror}.") from None
    finally:
        coming.unlink(missing_ok=True)


def read_archive(file: Path, folder: Path) -> BackupManifest:
    """Unpack a backup into `folder`, and check each of its files.

    Raises:
        RegularsError: it is no backup, is damaged, or was made under another secret key.
    """
    try:
        with tarfile.open(file, "r:") as tar:
            manifest = _manifest(tar)
            if manifest.key_check not in key_checks():
                raise RegularsError(
                    "This backup was made under another REGULARS_SECRET_KEY. Set that key first; "
                    "a newer one may stand before it: `new-id:key,old-id:key`."
                )
            for name, digest in manifest.files.items():
                if not hmac.compare_digest(_unpack(tar, name, folder / name), digest):
                    raise RegularsError(f"{file} is damaged: {name} is not as it was written.")
    except (tarfile.TarError, KeyError, EOFError, ValidationError) as error:
        raise RegularsError(f"{file} is not a whole backup of Regulars: {error}.") from None
    except OSError as error:
        raise RegularsError(f"Can't unpack {file} in {folder.parent}: {error.strerror}.") from None
    return manifest


def digest_files(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The SHA-256 of files, by name."""
    found = {}
    for name in names:
        with (folder / name).open("rb") as content:
            found[name] = hashlib.file_digest(content, "sha256").hexdigest()
    return found


def _manifest(tar: tarfile.TarFile) -> BackupManifest:
    member = tar.getmember(MANIFEST)
    content = tar.extractfile(member)
    if content is None or member.size > MAX_MANIFEST_BYTES:
        raise KeyError(MANIFEST)
    return BackupManifest.model_validate_json(content.read())


def _unpack(tar: tarfile.TarFile, name: str, to: Path) -> str:
    """Write a member to a path below `to`'s folder; its SHA-256. Nothing but content is taken."""
    content = tar.extractfile(tar.getmember(name))
    if content is None or name != os.path.normpath(name) or name.startswith(("/", "..")):
        raise KeyError(name)
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    with to.open("xb") as file:
        while piece := content.read(PIECE_BYTES):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()
