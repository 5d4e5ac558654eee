"""When a message may go: now, or from when on, by the rule and the clocks of where a person is."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from plugin.messages.rules.holidays import is_holiday
from plugin.messages.rules.places import Whereabouts
from plugin.messages.rules.rows import HoursRule, RuleKind, Span, Spans, Week, rule_of

# What a shop may choose where no law and no operator speaks.
WIDEST = Span(8 * 60, 22 * 60)
DAY = timedelta(days=1)
# The longest that rules alone close is from the evening before Good Friday to Tuesday in Alsace.
MAX_DAYS_AHEAD = 15
NEAR_DAYS = 2


class ShopHours(NamedTuple):
    """What a shop chose: hours of the day that narrow all rules, and the weekdays without any."""

    span: Span | None = None
    closed_weekdays: frozenset[int] = frozenset()


AS_THE_RULES = ShopHours()


class Opening(NamedTuple):
    """When marketing may go to a person: `at` is now, or later, or never; `until` it shuts."""

    at: datetime | None
    until: datetime | None
    rule: HoursRule
    where: Whereabouts
    shut_zones: tuple[str, ...]  # where the clock forbids it now

    def is_open(self, now: datetime) -> bool:
        """Whether it may go now."""
        return self.at == now


_Stretch = tuple[datetime, datetime]  # in UTC; its end is shut


class _Wall(NamedTuple):
    """A clock on the wall, and the hours that hold by it."""

    country: str
    state: str
    zone: str
    week: Week


def find_opening(where: Whereabouts, shop: ShopHours, now: datetime) -> Opening:
    """Return when marketing may go to a person, by the clocks of all zones they may be in."""
    rule = rule_of(where.country, where.state)
    week = allowed_week(where.country, where.state, shop)
    now = now.astimezone(UTC)
    walls = [_Wall(where.country, where.state, zone, week) for zone in where.zones]
    shut = tuple(
        wall.zone
        for wall in walls
        if not any(start <= now < end for start, end in _stretches(wall, now, 1))
    )
    first = None
    for days in (NEAR_DAYS, MAX_DAYS_AHEAD):
        common: Sequence[_Stretch] | None = None
        for wall in walls:
            its = _stretches(wall, now, days)
            common = its if common is None else _overlap(common, its)
        first = next((each for each in common or () if each[1] > now), None)
        if first is not None:
            break
    if first is None:
        return Opening(None, None, rule, where, shut)
    return Opening(max(first[0], now), first[1], rule, where, shut)


@lru_cache(1024)
def allowed_week(country: str, state: str, shop: ShopHours) -> Week:
    """The hours of each weekday: a shop may narrow what is law, and widen what is custom."""
    rule = rule_of(country, state)
    return tuple(
        () if day in shop.closed_weekdays else _chosen(rule, spans, shop.span)
        for day, spans in enumerate(rule.week)
    )


def _chosen(rule: HoursRule, spans: Spans, chosen: Span | None) -> Spans:
    if chosen is None:
        return spans
    if rule.kind == RuleKind.CUSTOMARY:
        spans = (WIDEST,) if spans else ()
    cut = (Span(max(each.start, chosen.start), min(each.end, chosen.end)) for each in spans)
    return tuple(each for each in cut if each.start < each.end)


def _stretches(wall: _Wall, now: datetime, days: int) -> list[_Stretch]:
    """What is open around now and for some days by one clock, the earliest first."""
    today = now.astimezone(ZoneInfo(wall.zone)).date()
    return [each for ahead in range(days) for each in _of_day(wall, today + ahead * DAY)]


@lru_cache(16384)
def _of_day(wall: _Wall, day: date) -> list[_Stretch]:
    """What is open on one day by one clock. On days on which it changes, the wall's time counts."""
    spans, here = wall.week[day.weekday()], (wall.country, wall.state)
    if not spans or (not rule_of(*here).on_holidays and is_holiday(*here, day)):
        return []
    ends = ((each.start, each.end) for each in spans)
    return [(_instant(day, start, wall.zone), _instant(day, end, wall.zone)) for start, end in ends]


def _instant(day: date, minutes: int, zone: str) -> datetime:
    day, minutes = day + (minutes // (24 * 60)) * DAY, minutes % (24 * 60)
    wall = datetime(
        day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=ZoneInfo(zone)
    )
    return wall.astimezone(UTC)


def _overlap(one: Sequence[_Stretch], other: Sequence[_Stretch]) -> list[_Stretch]:
    """What is open in both."""
    found: list[_Stretch] = []
    left = right = 0
    while left < len(one) and right < len(other):
        start = max(one[left][0], other[right][0])
        end = min(one[left][1], other[right][1])
        if start < end:
            found.append((start, end))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return found
