"""Public holidays, computed for any year from the rules' rows."""

import re
from collections.abc import Collection
from datetime import date, timedelta
from functools import lru_cache

from dateutil.easter import easter

from plugin.messages.rules.rows import calendars

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ELECTION = "election"
DAY = timedelta(days=1)
SATURDAY, SUNDAY = 5, 6
_FIXED = re.compile(r"(\d\d)-(\d\d)")
_EASTER = re.compile(r"easter([+-]\d+)")
_NTH = re.compile(rf"(\d\d) ({'|'.join(WEEKDAYS)}) (-1|[1-5])")


def is_holiday(country: str, state: str, day: date) -> bool:
    """Whether a day is a public holiday in a place, or the day on which one is kept."""
    return day in holidays_of(country, state, day.year)


@lru_cache(512)
def holidays_of(country: str, state: str, year: int) -> Collection[date]:
    """The public holidays of a year in a place: its country's and its own."""
    found: set[date] = set()
    for key in {(country, ""), (country, state)}:
        calendar = calendars().get(key)
        if calendar is None:
            continue
        for each in (year - 1, year, year + 1):  # New Year's Day may be kept in the year before
            days = {day for word in calendar.days if (day := parse_day(word, each)) is not None}
            found |= days | ({_observed(day) for day in days} if calendar.observed else set())
    return frozenset(day for day in found if day.year == year)


def parse_day(word: str, year: int) -> date | None:
    """The day that a row names, in a year; None where that year has none.

    Raises:
        ValueError: it names none in any year.
    """
    if match := _FIXED.fullmatch(word):
        return date(year, int(match[1]), int(match[2]))
    if match := _EASTER.fullmatch(word):
        sunday: date = easter(year)
        return sunday + int(match[1]) * DAY
    if match := _NTH.fullmatch(word):
        return _nth_weekday(year, int(match[1]), WEEKDAYS.index(match[2]), int(match[3]))
    if word == ELECTION:
        return _nth_weekday(year, 11, 0, 1) + DAY if year % 2 == 0 else None
    raise ValueError(f"{word} names no day")


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    if nth > 0:
        first = date(year, month, 1)
        return first + ((weekday - first.weekday()) % 7 + 7 * (nth - 1)) * DAY
    last = date(year + month // 12, month % 12 + 1, 1) - DAY
    return last - ((last.weekday() - weekday) % 7) * DAY


def _observed(day: date) -> date:
    moved = {SATURDAY: -DAY, SUNDAY: DAY}
    return day + moved.get(day.weekday(), 0 * DAY)
