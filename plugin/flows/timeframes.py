"""Timeframes: which of a shopper's events a condition means, by when they happened."""

from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from plugin.flows.fields import Shape

UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
Unit = Literal["hour", "day", "week"]
MAX_QUANTITY = 100_000  # of weeks, before which there is still a date
Quantity = Annotated[int, Field(ge=0, le=MAX_QUANTITY)]
EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
TICK = timedelta(microseconds=1)
CLOCK_SKEW = timedelta(minutes=5)  # a storefront's clock may be ahead of ours


class Window(NamedTuple):
    """From when until when, both included; None where there is no end."""

    since: datetime | None = None
    until: datetime | None = None


def parse_date(text: str) -> datetime:
    """Read a `date-time` of the schema, which names its zone.

    Raises:
        ValueError: it is none, or of another age.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("isn't a date with its time, as 2026-03-01T00:00:00+00:00") from None
    if at.tzinfo is None:
        raise ValueError("names no time zone. Write it as 2026-03-01T00:00:00+00:00")
    if not EARLIEST_YEAR <= at.year <= LATEST_YEAR:
        raise ValueError(f"isn't between the years {EARLIEST_YEAR} and {LATEST_YEAR}")
    return at


def _check_date(text: str) -> str:
    parse_date(text)
    return text


Date = Annotated[str, AfterValidator(_check_date)]


class Timeframe(Shape):
    """A filter of dates."""

    type: Literal["date"]

    @abstractmethod
    def window(self, started_at: datetime, now: datetime) -> Window:
        """From when until when; `started_at` is what set the flow off."""


class AllTime(Timeframe):
    """At any time."""

    operator: Literal["alltime"]

    def window(self, started_at: datetime, now: datetime) -> Window:
        """Everything."""
        return Window()


class SinceFlowStart(Timeframe):
    """Since the flow began for this shopper."""

    operator: Literal["flow-start"]

    def window(self, started_at: datetime, now: datetime) -> Window:
        """From what set the flow off."""
        return Window(started_at)


class Static(Timeframe):
    """Before or after a date."""

    operator: Literal["before", "after"]
    date: Date

    def window(self, started_at: datetime, now: datetime) -> Window:
        """Up to the date, or from it on."""
        at = parse_date(self.date)
        return Window(until=at - TICK) if self.operator == "before" else Window(at)


class StaticRange(Timeframe):
    """Between two dates."""

    operator: Literal["between-static"]
    start: Date
    end: Date

    @model_validator(mode="after")
    def _check_order(self) -> "StaticRange":
        if parse_date(self.start) > parse_date(self.end):
            raise ValueError("has a start after its end")
        return self

    def window(self, started_at: datetime, now: datetime) -> Window:
        """From the one to the other."""
        return Window(parse_date(self.start), parse_date(self.end))


class Relative(Timeframe):
    """In the last, or next, so many days; or at least so many days ago."""

    operator: Literal["in-the-last", "in-the-next", "at-least"]
    unit: Unit
    quantity: Quantity

    def window(self, started_at: datetime, now: datetime) -> Window:
        """By the distance from now."""
        return RELATIVE[self.operator](now, self.quantity * UNITS[self.unit])


RELATIVE: dict[str, Callable[[datetime, timedelta], Window]] = {
    "in-the-last": lambda now, span: Window(now - span, now + CLOCK_SKEW),
    "in-the-next": lambda now, span: Window(now, now + span),
    "at-least": lambda now, span: Window(until=now - span),
}


class RelativeRange(Timeframe):
    """Between so many and so many days ago."""

    operator: Literal["between"]
    start: Quantity
    end: Quantity
    unit: Unit

    def window(self, started_at: datetime, now: datetime) -> Window:
        """From the longer ago to the shorter."""
        near, far = sorted((self.start, self.end))
        return Window(now - far * UNITS[self.unit], now - near * UNITS[self.unit])


AnyTimeframe = Annotated[
    AllTime | SinceFlowStart | Static | StaticRange | Relative | RelativeRange,
    Field(discriminator="operator"),
]
