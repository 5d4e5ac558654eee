"""Read the rules of hours, holidays and places: versioned data, each row with its source."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, time
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from plugin.library_files import Entry, read_library

HERE = Path(__file__).parent
ANYWHERE = "*"  # the row of countries that have none of their own
WEEK = 7
SATURDAY, SUNDAY = 5, 6
MINUTES_A_DAY = 24 * 60
CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


class _Strict(Entry):
    """What stands in a file, and nothing beside it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RuleKind(StrEnum):
    """Who says so, and so whether a shop may widen it."""

    LAW = "law"
    CHARTER = "charter"  # the operators refuse what comes outside
    CUSTOMARY = "customary"  # what is usual: a shop may widen it


class Registration(StrEnum):
    """Whether a state asks who sends marketing texts to register."""

    NOT_NEEDED = "not_needed"
    NOT_WITH_CONSENT = "not_with_consent"


class Span(NamedTuple):
    """A part of a day, in minutes after midnight by the clock on the wall; its end is shut."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{_clock(self.start)}-{_clock(self.end)}"


Spans = tuple[Span, ...]
Week = tuple[Spans, ...]  # Monday first


def parse_spans(value: object) -> object:
    """Read spans that are written `08:00-21:00`, one after the other."""
    if not isinstance(value, list):
        raise ValueError("spans are a list")
    found: list[Span] = []
    for text in value:
        match = CLOCK.fullmatch(str(text))
        if match is None:
            raise ValueError(f"{text} is no span such as 08:00-21:00")
        hour, minute, until_hour, until_minute = map(int, match.groups())
        span = Span(hour * 60 + minute, until_hour * 60 + until_minute)
        if not (found[-1].end if found else 0) <= span.start < span.end <= MINUTES_A_DAY:
            raise ValueError(f"{text} ends before it begins, or before the one before it")
        found.append(span)
    return tuple(found)


def _clock(minutes: int) -> str:
    return "24:00" if minutes == MINUTES_A_DAY else f"{time(minutes // 60, minutes % 60):%H:%M}"


def _country(code: str) -> str:
    if code != ANYWHERE and not re.fullmatch(r"[A-Z]{2}", code):
        raise ValueError(f"{code} is no country of ISO 3166-1")
    return code


ReadSpans = Annotated[Spans, BeforeValidator(parse_spans)]
Countries = Annotated[list[Annotated[str, AfterValidator(_country)]], Field(min_length=1)]


class RowOfPlaces(_Strict):
    """What holds in some countries, or in some states of one."""

    countries: Countries
    states: list[str] = Field(default_factory=list)
    source: str = Field(min_length=1)
    as_of: date


R = TypeVar("R", bound=RowOfPlaces)


class HoursRule(RowOfPlaces):
    """When marketing may arrive in some places. Transactional messages are free of it."""

    kind: Annotated[RuleKind, Field(strict=False)]
    spans: ReadSpans
    saturday: ReadSpans | None = None
    sunday: ReadSpans | None = None
    on_holidays: bool = True
    texts_a_day: int | None = Field(default=None, ge=1, description="to one number in 24 hours")
    registration: Annotated[Registration, Field(strict=False)] = Registration.NOT_NEEDED
    note: str = ""

    @property
    def week(self) -> Week:
        """Its spans of each weekday."""
        other = {SATURDAY: self.saturday, SUNDAY: self.sunday}
        return tuple(
            self.spans if (spans := other.get(day)) is None else spans for day in range(WEEK)
        )


class HoursFile(_Strict):
    """A file of rules."""

    version: date = Field(strict=False)
    rules: list[HoursRule]


class HolidayCalendar(RowOfPlaces):
    """The public holidays of some places, beside those of their whole country."""

    days: list[str]
    observed: bool = False


class HolidaysFile(_Strict):
    """A file of public holidays."""

    version: date = Field(strict=False)
    calendars: list[HolidayCalendar]


class PlaceRow(_Strict):
    """Where the clocks of a place stand."""

    country: Annotated[str, AfterValidator(_country)]
    states: list[str] = Field(default_factory=list)
    postal_codes: list[str] = Field(default_factory=list, description="their beginnings")
    zones: list[str] = Field(min_length=1)


class PostalStates(_Strict):
    """How many characters of a postal code are the state."""

    chars: int
    longer: list[str] = Field(default_factory=list)


class PlacesFile(_Strict):
    """A file of places."""

    version: date = Field(strict=False)
    source: str = Field(min_length=1)
    as_of: date
    parts: dict[str, dict[str, str]] = Field(default_factory=dict)
    states_by_postal_code: dict[str, PostalStates] = Field(default_factory=dict)
    names: dict[str, dict[str, str]] = Field(default_factory=dict)
    places: list[PlaceRow]


class AreaCodesFile(_Strict):
    """The states of a country's area codes."""

    version: date = Field(strict=False)
    country: Annotated[str, AfterValidator(_country)]
    source: str = Field(min_length=1)
    as_of: date
    area_codes: dict[str, list[str]]


@lru_cache(1)
def hours_rules() -> Mapping[tuple[str, str], HoursRule]:
    """Every rule by its country and state; "" is the whole country."""
    files = read_library(HERE / "hours", HoursFile).values()
    return _by_place(rule for file in files for rule in file.rules)


@lru_cache(256)
def rule_of(country: str, state: str) -> HoursRule:
    """The rule of a place: its state's, else its country's, else what is usual."""
    rules = hours_rules()
    found = rules.get((country, state)) or rules.get((country, ""))
    return found or rules[ANYWHERE, ""]


@lru_cache(1)
def calendars() -> Mapping[tuple[str, str], HolidayCalendar]:
    """Every calendar by its country and state; "" is the whole country."""
    files = read_library(HERE / "holidays", HolidaysFile).values()
    return _by_place(calendar for file in files for calendar in file.calendars)


def _by_place(rows: Iterable[R]) -> Mapping[tuple[str, str], R]:
    return {
        (country, state): row
        for row in rows
        for country in row.countries
        for state in row.states or [""]
    }


@lru_cache(1)
def places() -> tuple[PlacesFile, ...]:
    """All files of places."""
    return tuple(read_library(HERE / "places", PlacesFile).values())


@lru_cache(1)
def states_of_area_codes() -> Mapping[tuple[str, str], str]:
    """The state of each (country, area code)."""
    return {
        (file.country, code): state
        for file in read_library(HERE / "area_codes", AreaCodesFile).values()
        for state, codes in file.area_codes.items()
        for code in codes
    }
