"""Compute the geometry of charts of numbers by day; the page writes the SVG."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from admin_ui.kit.language import Language

WIDTH, HEIGHT = 600, 160  # of the drawing's own units; the page stretches it
GAP = 0.28  # of a day's width


@dataclass(frozen=True)
class Bar:
    """One day: the whole, and the part of it that stands out; all in the drawing's units."""

    x: float
    width: float
    whole: float
    part: float
    title: str


@dataclass(frozen=True)
class Chart:
    """A drawing and the table that says the same."""

    title: str
    names: tuple[str, str]
    bars: list[Bar]
    lines: list[tuple[float, str]]
    days: list[str]
    rows: list[tuple[str, str, str]]
    empty: bool


def last_days(count: int, now: datetime, say: Language) -> list[datetime]:
    """The moments at which the shop's last `count` days begin, today last, and when today ends."""
    today = say.local_day(now)
    days = [today - timedelta(days=count - 1 - n) for n in range(count + 1)]
    return [datetime.combine(day, time(), tzinfo=say.zone) for day in days]


def by_day(
    title: str,
    names: tuple[str, str],
    days: Sequence[date],
    whole: Sequence[int],
    *,
    part: Sequence[int],
    say: Language,
    write: Callable[[int], str],
    short: Callable[[int], str],
) -> Chart:
    """A column for each day; `part` stands inside `whole`."""
    top = ceiling(max([*whole, *part, 0]))
    slot = WIDTH / max(len(days), 1)
    written = [
        (say.long_day(day), write(a), write(b)) for day, a, b in zip(days, whole, part, strict=True)
    ]
    bars = [
        Bar(
            x=round(n * slot + slot * GAP / 2, 2),
            width=round(slot * (1 - GAP), 2),
            whole=round(HEIGHT * a / top, 2),
            part=round(HEIGHT * b / top, 2),
            title=f"{row[0]}: {names[0]} {row[1]}, {names[1]} {row[2]}",
        )
        for n, (a, b, row) in enumerate(zip(whole, part, written, strict=True))
    ]
    lines = [(0.0, short(top)), (HEIGHT / 2, short(top // 2)), (float(HEIGHT), short(0))]
    last = len(days) - 1
    marks = [say.day(days[round(last * n / 4)]) for n in range(5)]
    return Chart(title, names, bars, lines, marks, written, not any(whole) and not any(part))


def ceiling(highest: int) -> int:
    """A round even number at or above the highest value, for the axis."""
    step = 1
    while True:
        for factor in (1, 2, 3, 4, 6, 8):
            if step * factor >= highest and step * factor % 2 == 0:
                return step * factor
        step *= 10
