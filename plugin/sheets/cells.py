"""Write cells that no spreadsheet takes for a formula, and read what spreadsheets make of cells."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

# What a spreadsheet would carry out (OWASP, CSV injection); the wide signs where Excel is Japanese.
_SIGNS = "=+\\-@＝＋－＠"
_BEGINS = re.compile(rf"[\t\r\n]|\s*[{_SIGNS}]")
# Where lists are separated by another sign than ours, a spreadsheet begins a cell there.
_INSIDE = re.compile(rf"(?<=[;|\t\r\n])(?=\s*[{_SIGNS}])")
_GUARDED = re.compile(rf"'(?=[\t\r\n]|\s*[{_SIGNS}]|\d)")
_GUARDED_INSIDE = re.compile(rf"(?<=[;|\t\r\n])'(?=\s*[{_SIGNS}])")
_TEXT_FORMULA = re.compile(r'="(.*)"', re.DOTALL)  # how a sheet keeps digits from being a number
_INVISIBLE = "\u200b\u200e\u200f\u202a\u202c\u2060\ufeff"  # copied along from pages
BYTE_ORDER_MARK = "\ufeff"  # without it Excel reads UTF-8 as the system's old encoding
CHUNK_CHARS = 64 * 1024  # characters of a piece


def escape_formula(value: object) -> object:
    """A value as a cell; what could be a formula gets an apostrophe before it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if not isinstance(value, str):
        return value
    inside = _INSIDE.sub("'", value)
    return f"'{inside}" if _BEGINS.match(value) else inside


def read_cell(cell: str) -> str:
    """What a cell says: without the apostrophes that a guard, or Shopify, put before it, and out of
    the formula that is a text.
    """
    text = cell.strip().strip(_INVISIBLE).strip()
    if match := _TEXT_FORMULA.fullmatch(text):
        text = match[1].replace('""', '"').strip()
    if "'" not in text:
        return text
    return _GUARDED_INSIDE.sub("", text[1:] if _GUARDED.match(text) else text)


def csv_chunks(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Rows as pieces of a CSV file, every cell guarded."""
    out = io.StringIO()
    out.write(BYTE_ORDER_MARK)
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([escape_formula(value) for value in row])
        if out.tell() >= CHUNK_CHARS:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
