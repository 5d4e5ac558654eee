"""Days: a shop's own days, counted in the database though it knows no time zones."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case


def day_of(column: Any, edges: Sequence[datetime]) -> Any:
    """Which day a moment falls on, by number: `edges[n]` begins day n, the last edge ends the last.

    Group by its name, `"day"`: PostgreSQL takes two statements of it for two different things.
    """
    return case(*((column < edge, day) for day, edge in enumerate(edges[1:]))).label("day")
