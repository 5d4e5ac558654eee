"""Detect a file's encoding and separator, or say why it is refused."""

import codecs
import itertools
from dataclasses import dataclass
from pathlib import Path

from plugin.sheets import records
from plugin.sheets.problems import SheetError
from storage.imports import ProblemCode

ENCODINGS = ("utf-8", "windows-1252", "gb18030")
DELIMITERS = (",", ";", "\t")
CHUNK_BYTES = 1024 * 1024  # bytes written anew at a time
FIRST_ROWS = 20
SAMPLE_BYTES = 64 * 1024  # bytes of lines with letters beyond ASCII that decide on the encoding
# How packed and printed files begin: zip (and .xlsx), gzip, bzip2, xz, zstd, 7z, rar, .xls, PDF.
ARCHIVE_SIGNATURES = (
    b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"\x1f\x8b", b"BZh", b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\xd0\xcf\x11\xe0", b"%PDF",
)  # fmt: skip


@dataclass(frozen=True)
class FileFormat:
    """What a file of separated values is written in."""

    encoding: str
    delimiter: str
    data_offset: int  # the byte after its byte order mark


def detect_format(path: Path) -> FileFormat:
    """What sort of file it is. One in UTF-16 is written anew in UTF-8: there, a byte 10 is always
    the end of a line.

    Raises:
        SheetError: it is none that we read.
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    if not head.strip():
        raise SheetError(ProblemCode.EMPTY)
    if head.startswith(ARCHIVE_SIGNATURES):
        raise SheetError(ProblemCode.PACKED)
    if wide := _utf16(head):
        _rewrite(path, wide)
        with path.open("rb") as file:
            head = file.read(SAMPLE_BYTES)
    elif head.count(b"\0") > len(head) // 100:
        raise SheetError(ProblemCode.BINARY)
    begins = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    encoding = "utf-8" if begins or wide else _encoding(path)
    return FileFormat(encoding, _delimiter(path, encoding, begins), begins)


def _utf16(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise SheetError(ProblemCode.BINARY)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark, Latin letters leave every second byte empty.
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if odd > half * 0.4 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.4 and odd < half * 0.05:
        return "utf-16-be"
    return ""


def _rewrite(path: Path, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    fresh = path.with_suffix(".utf8")
    with path.open("rb") as old, fresh.open("wb") as new:
        while piece := old.read(CHUNK_BYTES):
            new.write(decoder.decode(piece).encode("utf-8", "replace"))
        new.write(decoder.decode(b"", final=True).encode("utf-8", "replace"))
    fresh.chmod(0o600)
    fresh.replace(path)


def _encoding(path: Path) -> str:
    """UTF-8, unless most lines that hold other letters than ASCII's are none."""
    lines = _telling_lines(path)
    good = sum(1 for line in lines if _is(line, "utf-8"))
    if good * 2 >= len(lines):
        return "utf-8"
    # In Chinese text bytes beyond ASCII come in pairs; in Western text mostly alone.
    paired = sum(1 for line in lines if _is(line, "gb18030") and _in_pairs(line))
    return "gb18030" if paired * 2 >= len(lines) else "windows-1252"


def _telling_lines(path: Path) -> list[bytes]:
    found: list[bytes] = []
    taken = 0
    with path.open("rb") as file:
        while taken < SAMPLE_BYTES and (line := file.readline(SAMPLE_BYTES)):
            if not line.isascii():
                found.append(line)
                taken += len(line)
    return found


def _is(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _in_pairs(line: bytes) -> bool:
    runs = line.translate(bytes(32 if b < 128 else b for b in range(256))).split()
    return sum(len(run) % 2 == 0 for run in runs) * 2 > len(runs)


def _delimiter(path: Path, encoding: str, begins: int) -> str:
    """The one that splits most of the first rows as it does the header, and into most columns."""

    def fits(delimiter: str) -> tuple[int, int]:
        first = itertools.islice(records.read_rows(path, encoding, delimiter, begins), FIRST_ROWS)
        sizes = [len(row.cells) for row in first if row.cells]
        if max(sizes, default=0) < 2:
            return 0, 0
        return sum(1 if size == sizes[0] else -1 for size in sizes), sizes[0]

    return max(DELIMITERS, key=fits)
