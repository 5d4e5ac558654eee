"""Detect a file's encoding and separator, or say why it is refused."""

import codecs
import io
import itertools
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from plugin.sheets import letters, records
from plugin.sheets.problems import SheetError
from storage.imports import ProblemCode

ENCODINGS = (
    "utf-8", "windows-1252", "windows-1250", "windows-1251", "windows-1253", "windows-1254",
    "mac_roman", "gb18030", "cp950", "cp932", "cp949",
)  # fmt: skip
DELIMITERS = (",", ";", "\t", "|")
CHUNK_BYTES = 1024 * 1024  # bytes written anew at a time
FIRST_ROWS = 20
SAMPLE_BYTES = 64 * 1024  # bytes of lines with letters beyond ASCII that decide on the encoding
# How packed and printed files begin: zip (and .xlsx), gzip, bzip2, xz, zstd, 7z, rar, .xls, PDF.
ARCHIVE_SIGNATURES = (
    b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"\x1f\x8b", b"BZh", b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\xd0\xcf\x11\xe0", b"%PDF",
)  # fmt: skip
# A line that Excel reads as the file's separator, and takes for no row.
_DIRECTIVE = re.compile(r"\ufeff?\"?sep=(.)", re.IGNORECASE)
# Pages and documents that some shops and systems name .xls or .csv.
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<(?:!doctype|html|table|\?xml|meta)|\{\\rtf)", re.I)


@dataclass(frozen=True)
class FileFormat:
    """What a file of separated values is written in."""

    encoding: str
    delimiter: str


def detect_format(path: Path) -> FileFormat:
    """What sort of file it is. One in UTF-16, or with the line ends of an old Macintosh, is written
    anew: then a byte 10 is always the end of a line.

    Raises:
        SheetError: it is none that we read.
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    if not head.strip():
        raise SheetError(ProblemCode.EMPTY)
    if head.startswith(ARCHIVE_SIGNATURES):
        raise SheetError(ProblemCode.PACKED)
    if _MARKUP.match(head):
        raise SheetError(ProblemCode.MARKUP)
    is_macintosh = b"\r" in head and b"\n" not in head
    if wide := _utf16(head):
        _rewrite(path, wide, "utf-8")
    elif head.count(b"\0") > len(head) // 100:
        raise SheetError(ProblemCode.BINARY)
    elif is_macintosh:
        _rewrite(path, "latin-1", "latin-1")  # every byte as it is
    encoding = "utf-8" if wide else _encoding(path, is_macintosh=is_macintosh)
    return FileFormat(encoding, _delimiter(path, encoding))


def is_directive(cell: str) -> bool:
    """Whether a row that begins with this cell names the separator."""
    return _DIRECTIVE.match(f"{cell} ") is not None


def _utf16(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise SheetError(ProblemCode.BINARY)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark, signs, digits and Latin letters leave their upper byte empty.
    even, odd = head[::2].count(0), head[1::2].count(0)
    few = len(head) * 0.05
    if odd > few and odd > 10 * even:
        return "utf-16-le"
    if even > few and even > 10 * odd:
        return "utf-16-be"
    return ""


def _rewrite(path: Path, encoding: str, wanted: str) -> None:
    """Write a file anew in another encoding, every line's end as a byte 10."""
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(encoding)("replace"), translate=True
    )
    fresh = path.with_suffix(".utf8")
    fresh.touch(mode=0o600)
    with path.open("rb") as old, fresh.open("wb") as new:
        while piece := old.read(CHUNK_BYTES):
            new.write(decoder.decode(piece).encode(wanted, "replace"))
        new.write(decoder.decode(b"", final=True).encode(wanted, "replace"))
    fresh.replace(path)


def _encoding(path: Path, *, is_macintosh: bool) -> str:
    """UTF-8, unless most lines that hold other letters than ASCII's are none."""
    lines = _telling_lines(path)
    good = sum(1 for line in lines if letters.is_in(line, "utf-8"))
    if good * 2 >= len(lines):
        return "utf-8"
    return letters.guess_encoding(lines, is_macintosh=is_macintosh)


def _telling_lines(path: Path) -> list[bytes]:
    found: list[bytes] = []
    taken = 0
    with path.open("rb") as file:
        while taken < SAMPLE_BYTES and (line := file.readline(SAMPLE_BYTES)):
            if not line.isascii():
                found.append(line)
                taken += len(line)
    return found


def _delimiter(path: Path, encoding: str) -> str:
    """The one that the file names, or that splits most of the first rows alike, and into most
    columns. A title above the table counts little.
    """
    with path.open("rb") as file:
        named = _DIRECTIVE.match(file.readline(SAMPLE_BYTES).decode(encoding, "replace"))
    if named and named[1] in DELIMITERS:
        return named[1]

    def fits(delimiter: str) -> tuple[int, int]:
        first = itertools.islice(records.read_rows(path, encoding, delimiter), FIRST_ROWS)
        sizes = Counter(len(row.cells) for row in first if row.cells)
        size, count = max(sizes.items(), key=lambda each: (each[1], each[0]), default=(0, 0))
        return (2 * count - sizes.total(), size) if size > 1 else (-FIRST_ROWS, 0)

    return max(DELIMITERS, key=fits)
