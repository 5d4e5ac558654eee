"""Read dates and moments as files write them.

A date of which the day may be the month is none: 03/04/1990 is in March for some, in April for
others. Dots stand in countries that put the day first (CLDR's date patterns).
"""

import re
from datetime import UTC, date, datetime

FIRST_DAY = date(2000, 1, 1)  # of what a consent or a refusal may bear
_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?!\d)")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?!\d)")
_NAMED = re.compile(
    r"(?:(?P<day>\d{1,2})[ -])?(?P<month>[a-z]{3})[a-z]*\.?[ -]"
    r"(?:(?P<second>\d{1,2}),? )?(?P<year>\d{4})",
    re.IGNORECASE,
)
_MONTHS = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
_TIME = re.compile(
    r"[T ,]*(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?\s*([ap]m)?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)


def parse_date(text: str) -> datetime | None:
    """The moment of a consent; a day begins it, and without an offset it is UTC's."""
    at = _moment(text.strip())
    return at if at is not None and at.date() >= FIRST_DAY else None


def parse_day(text: str) -> date | None:
    """A day of any century, such as a birthday."""
    at = _moment(text.strip())
    return None if at is None else at.date()


def is_ambiguous(text: str) -> bool:
    """Whether a date would be one, were it said which of its numbers is the month."""
    found = _YEAR_LAST.match(text.strip())
    return found is not None and _day_and_month(found) is None and _month_like(found)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return _written(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _written(text: str) -> datetime | None:
    """A date in a country's own way, with its time where it has one."""
    if match := _YEAR_FIRST.match(text):
        parts = (int(match[1]), int(match[2]), int(match[3]))
    elif (match := _YEAR_LAST.match(text)) and (known := _day_and_month(match)):
        parts = (int(match[4]), known[1], known[0])
    elif (match := _NAMED.match(text)) and (day := match["day"] or match["second"]):
        name = match["month"].lower()
        parts = (int(match["year"]), _MONTHS.index(name) + 1 if name in _MONTHS else 0, int(day))
    else:
        return None
    rest = text[match.end() :].strip()
    time = _TIME.fullmatch(rest) if rest else None
    if rest and time is None:
        return None
    try:
        return _at(date(*parts), time)
    except ValueError:
        return None


def _at(day: date, time: re.Match[str] | None) -> datetime:
    if time is None:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    hour = int(time[1])
    if time[4]:
        hour = hour % 12 + (12 if time[4].lower() == "pm" else 0)
    offset = (time[5] or "UTC").upper()
    zone = "+00:00" if offset in ("Z", "UTC", "GMT") else offset
    return datetime.fromisoformat(f"{day}T{hour:02}:{time[2]}:{time[3] or '00'}{zone}")


def _day_and_month(match: re.Match[str]) -> tuple[int, int] | None:
    first, second = int(match[1]), int(match[3])
    if match[2] == "." or first > 12 or first == second:
        return first, second
    return (second, first) if second > 12 else None


def _month_like(match: re.Match[str]) -> bool:
    return 1 <= int(match[1]) <= 12 and 1 <= int(match[3]) <= 12
