"""Cursors: a place in a list, newest first; a moment and an id go into an address and come back."""

from datetime import UTC, datetime, timedelta

from starlette.requests import Request

from admin_ui.kit.request import is_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def write(at: datetime, row_id: int) -> str:
    """A place as text: `1795262400000000-123`."""
    return f"{(at - EPOCH) // MICROSECOND}-{row_id}"


def read(request: Request) -> tuple[datetime, int] | None:
    """The place that an address names; one that makes no sense is the beginning."""
    moment, _, last = request.query_params.get("before", "").partition("-")
    if not (is_id(moment) and is_id(last)):
        return None
    try:
        return EPOCH + int(moment) * MICROSECOND, int(last)
    except OverflowError:
        return None
