"""Find the row that names a file's columns, and what each of them holds."""

import itertools
from collections.abc import Iterable, Sequence

from plugin.imports.columns import FALLBACKS, KNOWN, OPT_OUTS, STATUS_NAMES, ColumnKind, plain_name
from plugin.imports.exporters import detect_exporter
from plugin.sheets.encoding import is_directive
from plugin.sheets.records import Row
from plugin.values import parse_email

MAX_ROWS_ABOVE = 10  # rows before it, blank ones too
ADDRESSES = frozenset((ColumnKind.EMAIL, ColumnKind.PHONE))
# What "consent" or "unsubscribed" speaks of where people have phones alone.
_OF_PHONES = {
    ColumnKind.EMAIL_CONSENT: ColumnKind.SMS_CONSENT,
    ColumnKind.EMAIL_CONSENT_AT: ColumnKind.SMS_CONSENT_AT,
    ColumnKind.EMAIL_UNSUBSCRIBED: ColumnKind.SMS_UNSUBSCRIBED,
    ColumnKind.SUPPRESSED: ColumnKind.SMS_SUPPRESSED,
}


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


def guess_columns(header: Sequence[str]) -> list[ColumnKind]:
    """A field for each column; nothing where we do not know it, or have it already."""
    titles = [plain_name(title) for title in header]
    exporter = detect_exporter(header)
    known = {**KNOWN, **exporter.meanings} if exporter else KNOWN
    has_email = any(known.get(title) == ColumnKind.EMAIL for title in titles)
    has_email = has_email or bool({*titles} & {*FALLBACKS[ColumnKind.EMAIL]})
    found: list[ColumnKind] = []
    for title in titles:
        field = _about_phones(title, known.get(title, ColumnKind.NOTHING), has_email=has_email)
        found.append(field if field not in found else ColumnKind.NOTHING)
    _fall_back(titles, found)
    return found


def _fall_back(titles: Sequence[str], found: list[ColumnKind]) -> None:
    """Take second choices for fields without a column. A name beside a last name is a first one."""
    for field, names in FALLBACKS.items():
        place = next((titles.index(name) for name in names if name in titles), None)
        if place is not None and field not in found and not found[place]:
            found[place] = field
    if ColumnKind.LAST in found and ColumnKind.FIRST not in found and ColumnKind.NAME in found:
        found[found.index(ColumnKind.NAME)] = ColumnKind.FIRST


def _about_phones(title: str, field: ColumnKind, *, has_email: bool) -> ColumnKind:
    return field if has_email or "mail" in title else _OF_PHONES.get(field, field)


def unread_refusals(header: Sequence[str], mapping: Sequence[str]) -> list[tuple[int, str]]:
    """The columns, and what they hold, that may say a no although the merchant maps them to
    nothing: a second one of a kind, or one that is left out.
    """
    found: list[tuple[int, str]] = []
    for place, (name, kind) in enumerate(zip(header, mapping, strict=True)):
        title = plain_name(name)
        known = KNOWN.get(title, ColumnKind.NOTHING)
        if title in STATUS_NAMES:
            known = ColumnKind.EMAIL_CONSENT
        elif title.startswith(OPT_OUTS):
            known = ColumnKind.EMAIL_UNSUBSCRIBED
        if kind in (ColumnKind.NOTHING, ColumnKind.PROPERTY) and known:
            field = _about_phones(title, known, has_email=ColumnKind.EMAIL in mapping)
            found.append((place, field))
    return found


def speaks_of_all(title: str) -> bool:
    """Whether a column's name leaves open which channel its no is about."""
    return not any(channel in plain_name(title) for channel in ("mail", "sms", "whatsapp", "phone"))


def _width(row: Row) -> int:
    return sum(1 for cell in row.cells if cell.strip())
