"""Read the rows of a file of separated values, from any byte on, one at a time.

Memory holds one row, and none grows beyond `MAX_ROW_CHARS`: a quotation mark that is never closed
costs its own row, and reading continues with the line after it.
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from storage.imports import ProblemCode

MAX_ROW_CHARS = 64 * 1024  # bytes of a row; smaller than what the csv module takes of one cell
MAX_LINES_PER_ROW = 200  # lines of a row: cells in quotation marks may hold line breaks
MAX_COLUMNS = 500


@dataclass(slots=True)
class Row:
    """One row: where it stands in the file, and its cells or what is wrong with it."""

    line: int  # its first one, from 1
    start: int  # its first byte
    end: int  # the byte after it
    next_line: int
    cells: list[str] = field(default_factory=list)
    flaw: str = ""


class _BrokenError(Exception):
    """A row that does not end."""


class _Lines:
    """The lines of a file as text, for the csv module; keeps count of what one row takes."""

    def __init__(self, file: BinaryIO, encoding: str, line: int) -> None:
        self.file, self.encoding, self.line = file, encoding, line
        self.at = file.tell()
        self.begin()

    def begin(self) -> None:
        """From here on it is another row."""
        self.start, self.first_line = self.at, self.line
        self.first_end, self.flaw = self.at, ""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        raw = self.file.readline(MAX_ROW_CHARS + 1)
        if not raw:
            if self.at > self.start:  # the csv module reads on: it is inside of a cell
                raise _BrokenError(ProblemCode.OPEN)
            raise StopIteration
        first = self.at == self.start
        self.at += len(raw)
        self.line += 1
        if first:
            self._skip_rest(raw)
            self.first_end = self.at
        if self.at - self.start > MAX_ROW_CHARS or self.line - self.first_line > MAX_LINES_PER_ROW:
            raise _BrokenError(ProblemCode.LONG if first else ProblemCode.OPEN)
        if b"\0" in raw:
            self.flaw = ProblemCode.NUL
        try:
            return raw.decode(self.encoding)
        except UnicodeDecodeError:
            self.flaw = ProblemCode.UNREADABLE
            return raw.decode(self.encoding, "replace")

    def _skip_rest(self, raw: bytes) -> None:
        """Step over what is left of a line that is too long."""
        while raw and not raw.endswith(b"\n") and self.at - self.start > MAX_ROW_CHARS:
            raw = self.file.readline(MAX_ROW_CHARS + 1)
            self.at += len(raw)

    def back(self) -> None:
        """To the line after the first one of this row."""
        self.at, self.line = self.first_end, self.first_line + 1
        self.file.seek(self.at)


def read_rows(
    path: Path, encoding: str, delimiter: str, offset: int = 0, *, line: int = 1
) -> Iterator[Row]:
    """The rows from a byte on, which is the first of `line`; blank ones have no cells. A byte order
    mark at the beginning of the file is none of them.

    Args:
        encoding: one in which a byte 10 is always a line's end.
    """
    with path.open("rb") as file:
        if not offset and file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            offset = len(codecs.BOM_UTF8)
        file.seek(offset)
        lines = _Lines(file, encoding, line)
        reader = csv.reader(lines, delimiter=delimiter)
        while True:
            lines.begin()
            cells: list[str] = []
            try:
                cells = next(reader)
            except StopIteration:
                return
            except _BrokenError as error:
                lines.back()
                lines.flaw = str(error)
                reader = csv.reader(lines, delimiter=delimiter)
            except csv.Error:  # a line break of another system's outside of quotation marks
                lines.flaw = ProblemCode.UNREADABLE
                reader = csv.reader(lines, delimiter=delimiter)
            yield _row(lines, cells)


def _row(lines: _Lines, cells: list[str]) -> Row:
    flaw = lines.flaw or (ProblemCode.COLUMNS if len(cells) > MAX_COLUMNS else "")
    kept = [] if flaw or not any(cell.strip() for cell in cells) else cells
    return Row(lines.first_line, lines.start, lines.at, lines.line, kept, flaw)
