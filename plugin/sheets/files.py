"""Store the files that merchants upload in pieces, one for each import in the data folder.

They hold personal data: each is deleted after `KEPT_FOR`, and a data subject's rows at their
redaction.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from plugin.settings import get_settings
from plugin.sheets import records
from plugin.sheets.records import Row

KEPT_FOR = timedelta(days=7)
OVERLAP_BYTES = 4 * 1024  # of pieces of a broken row: no address is cut in two
Matcher = Callable[[Sequence[str]], bool]  # of the cells of a row, or of several
ROWS_AT_ONCE = 100  # that are looked through together: most name no one who is looked for
MAX_PIECE_BYTES = 512 * 1024  # bytes of an upload's piece: small enough for any line


def folder(shop_id: int) -> Path:
    """Where a shop's files lie."""
    return get_settings().data_dir / "imports" / str(shop_id)


def path_of(shop_id: int, import_id: int) -> Path:
    """The file of an import."""
    return folder(shop_id) / f"{import_id}.csv"


def create_file(shop_id: int, import_id: int) -> None:
    """Make an empty file that its owner alone reads."""
    folder(shop_id).mkdir(mode=0o700, parents=True, exist_ok=True)
    path_of(shop_id, import_id).touch(mode=0o600)


def append_piece(path: Path, at: int, piece: bytes) -> int:
    """Add a piece that begins at a byte; how long the file is then.

    A piece that comes again, or too early, changes nothing.
    """
    with path.open("r+b") as file:
        length = file.seek(0, os.SEEK_END)
        if at == length:
            file.write(piece)
            file.flush()
            os.fsync(file.fileno())
            length += len(piece)
    return length


def matching_rows(path: Path, encoding: str, delimiter: str, is_match: Matcher) -> Iterator[str]:
    """Yield the rows that match, as they stand in the file."""
    for _, raw in _hers(path, encoding, delimiter, is_match):
        yield raw.decode(encoding, "replace")


def blank_rows(path: Path, encoding: str, delimiter: str, is_match: Matcher) -> None:
    """Overwrite the rows that match with spaces; every other byte stays in its place."""
    with path.open("r+b") as file:
        for start, raw in _hers(path, encoding, delimiter, is_match):
            file.seek(start)
            file.write(bytes(byte if byte in b"\r\n" else 32 for byte in raw))
        file.flush()
        os.fsync(file.fileno())


def _hers(
    path: Path, encoding: str, delimiter: str, is_match: Matcher
) -> Iterator[tuple[int, bytes]]:
    """Yield first byte and bytes of each row that matches; of a broken one, which may be very long,
    those of each piece that does.
    """
    rows = records.read_rows(path, encoding, delimiter)
    with path.open("rb") as file:
        while some := list(islice(rows, ROWS_AT_ONCE)):
            among = is_match([cell for row in some for cell in row.cells])
            for row in some:
                if row.flaw:
                    for start, raw in _pieces(file, row):
                        if is_match([raw.decode(encoding, "replace")]):
                            yield start, raw
                elif among and is_match(row.cells):
                    yield row.start, _bytes(file, row.start, row.end)


def _pieces(file: BinaryIO, row: Row) -> Iterator[tuple[int, bytes]]:
    for start in range(row.start, row.end, records.MAX_ROW_CHARS):
        begin = max(row.start, start - OVERLAP_BYTES)
        yield begin, _bytes(file, begin, min(start + records.MAX_ROW_CHARS, row.end))


def _bytes(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def delete_file(shop_id: int, import_id: int) -> None:
    """Delete the file of an import."""
    path_of(shop_id, import_id).unlink(missing_ok=True)


def delete_files(shop_id: int) -> None:
    """Delete all of a shop's files."""
    shutil.rmtree(folder(shop_id), ignore_errors=True)
