"""Find the row that names a file's columns, below titles, blank rows and a line for Excel."""

import itertools
from collections.abc import Iterable

from plugin.imports.columns import ColumnKind, guess_columns
from plugin.sheets.encoding import is_directive
from plugin.sheets.records import Row
from plugin.values import parse_email

MAX_ROWS_ABOVE = 10  # rows before it, blank ones too
ADDRESSES = frozenset((ColumnKind.EMAIL, ColumnKind.PHONE))


def find_header(rows: Iterable[Row]) -> Row | None:
    """The first row that names a column of addresses, else the first one that may name columns.

    A row that holds a person's address ends the search: below it stand people.
    """
    found: Row | None = None
    for row in itertools.islice(rows, MAX_ROWS_ABOVE + 1):
        if row.flaw:
            return found or row
        if not row.cells or is_directive(row.cells[0]):
            continue
        if ADDRESSES & {*guess_columns(row.cells)}:
            return row
        if any(map(parse_email, row.cells)):
            return found or row
        if found is None or _width(found) < 2 <= _width(row):
            found = row
    return found


def _width(row: Row) -> int:
    return sum(1 for cell in row.cells if cell.strip())
