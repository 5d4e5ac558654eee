"""Days: a shop's own days, counted in the database though it knows no time zones."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, literal


def day_of(column: Any, edges: Sequence[datetime]) -> Any:
    """Which day a moment falls on, by number: `edges[n]` begins day n, the last edge ends the last.

    Group by its name, `"day"`: PostgreSQL takes two statements of it for two different things.
    """
    return _day(column, edges, 0, len(edges) - 1).label("day")


def _day(column: Any, edges: Sequence[datetime], first: int, last: int) -> Any:
    """Which of some days, by halves: five comparisons for one of thirty days, not fifteen."""
    if last - first <= 1:
        return literal(first)
    middle = (first + last) // 2
    earlier, later = _day(column, edges, first, middle), _day(column, edges, middle, last)
    return case((column < edges[middle], earlier), else_=later)
