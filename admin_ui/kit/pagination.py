"""Pagination: a page of rows, newest first, and the position from which the next one goes on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from starlette.requests import Request

from admin_ui.kit.request import is_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Row = TypeVar("Row")

Position = tuple[datetime, int]  # of a row: its moment, and its id among those of one moment


@dataclass(frozen=True)
class Paginated(Generic[Row]):
    """One page of rows; `older` is what `before` is on the next page, "" on the last."""

    rows: Sequence[Row]
    older: str


def paginate(
    request: Request,
    size: int,
    read: Callable[[int, Position | None], Sequence[Row]],
    position_of: Callable[[Row], Position],
) -> Paginated[Row]:
    """Return the page that a request names.

    Args:
        read: returns as many rows as wanted, from behind a position or from the newest; it
            is called for one more than a page, which shows whether there is another.
    """
    found = read(size + 1, read_position(request.query_params.get("before", "")))
    rows = found[:size]
    return Paginated(rows, write_position(position_of(rows[-1])) if len(found) > size else "")


def write_position(position: Position) -> str:
    """A position as text: `1795262400000000-123`."""
    at, row_id = position
    return f"{(at - EPOCH) // MICROSECOND}-{row_id}"


def read_position(text: str) -> Position | None:
    """The position that a text names; one that makes no sense is the beginning."""
    moment, _, row_id = text.partition("-")
    if not (is_id(moment) and is_id(row_id)):
        return None
    try:
        return EPOCH + int(moment) * MICROSECOND, int(row_id)
    except OverflowError:
        return None
