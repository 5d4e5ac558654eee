"""Write cells that no spreadsheet takes for a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would carry out (OWASP)
CHUNK_CHARS = 64 * 1024  # characters of a piece


def escape_formula(value: object) -> object:
    """A value as a cell; what could be a formula gets an apostrophe before it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def unescape_formula(cell: str) -> str:
    """A cell without the apostrophe that a guard, or Shopify, put before it."""
    text = cell.strip()
    if len(text) > 1 and text[0] == "'" and (text[1] in "=+-@" or text[1].isdigit()):
        return text[1:]
    return text


def csv_chunks(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Rows as pieces of a CSV file, every cell guarded."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([escape_formula(value) for value in row])
        if out.tell() >= CHUNK_CHARS:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
