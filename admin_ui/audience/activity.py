"""Draw a shopper's last year by month from their daily counts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from admin_ui.kit import words
from admin_ui.kit.language import Language
from plugin.channels.registry import CHANNELS
from storage import activity
from storage.activity import Counts

MONTHS = 12
HIGHEST, LOWEST = 36, 3  # pixels of a month's bar, where there is any


class TimelineKind(StrEnum):
    """What a profile's timeline shows."""

    ALL = "all"
    ORDERS = "orders"
    BROWSING = "browsing"
    MESSAGES = "messages"


# What is counted under the name of each of the timeline's filters: orders, not what became of them.
COUNTED: dict[TimelineKind, Callable[[], Iterable[str]]] = {
    TimelineKind.ORDERS: lambda: ("Placed Order",),
    TimelineKind.BROWSING: lambda: words.BROWSING,
    TimelineKind.MESSAGES: lambda: [spec.metrics.received for spec in CHANNELS.values()],
}


@dataclass(frozen=True)
class ActivityRow:
    """One kind of activity: how often in each month, and when last; bars in pixels."""

    kind: TimelineKind
    counts: list[int]
    bars: list[int]
    last: str


@dataclass(frozen=True)
class ActivityChart:
    """Twelve months up to this one, by UTC; each is its first day."""

    months: list[date]
    strips: list[ActivityRow]
    empty: bool


def totals(counts: Counts) -> dict[TimelineKind, int]:
    """Return how often the shopper did what each of the timeline's filters shows, in all stored
    history.
    """
    return {kind: sum(n for _, n in _days(counts, names())) for kind, names in COUNTED.items()}


def activity_chart(counts: Counts, now: datetime, say: Language) -> ActivityChart:
    """What the last twelve months were like."""
    this = now.astimezone(UTC).date()
    first = this.year * 12 + this.month - MONTHS
    months = [date(n // 12, n % 12 + 1, 1) for n in range(first, first + MONTHS)]
    strips = [
        _strip(kind, list(_days(counts, names())), first, say) for kind, names in COUNTED.items()
    ]
    return ActivityChart(months, strips, not any(any(strip.counts) for strip in strips))


def _strip(
    kind: TimelineKind, days: list[tuple[date, int]], first: int, say: Language
) -> ActivityRow:
    counts = [0] * MONTHS
    for day, count in days:
        place = day.year * 12 + day.month - 1 - first
        if 0 <= place < MONTHS:
            counts[place] += count
    top = max(counts)
    bars = [max(LOWEST, round(HIGHEST * count / top)) if count else 0 for count in counts]
    last = say.text("Last on %(day)s", day=say.long_day(max(days)[0])) if days else ""
    return ActivityRow(kind, counts, bars, last)


def _days(counts: Counts, metrics: Iterable[str]) -> Iterable[tuple[date, int]]:
    for metric in metrics:
        for day, count in counts.get(metric, {}).items():
            yield activity.date_of_day(day), count
