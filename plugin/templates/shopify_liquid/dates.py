"""The filter `date`: what is a time, and in which zone.

A time with an offset keeps it, and a moment that has none, as a number of seconds, is the shop's.
Nothing is kept between two mails: python-liquid's own filter keeps times by equality, and the same
moment in two zones is equal.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from dateutil import parser as date_parser
from liquid import RenderContext
from liquid.filter import with_context
from markupsafe import Markup

from plugin import clock
from plugin.templates.shopify_liquid.strftime import strftime
from plugin.templates.shopify_liquid.values import to_text

_NUMBER = re.compile(r"\s*[+-]?\d+\.?\d*\s*")
MAX_DATE_CHARS = 64  # no text that names a time is longer
MAX_FORM_CHARS = 1000  # each `%100d` of it becomes a hundred letters
MAX_SECONDS = 253_402_300_800  # the year 10000; a larger number counts milliseconds
# The zones that Ruby's Time.parse knows by name (RFC 2822, 4.3), in hours.
_ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7,
}  # fmt: skip


@with_context
def date_(value: object, form: object = None, *, context: RenderContext) -> object:
    """`date`: a time in a form; what is no time is shown as it is."""
    written = to_text(form)
    if not 0 < len(written) <= MAX_FORM_CHARS or (at := to_time(value, shop_zone(context))) is None:
        return value
    shown = strftime(at, str(written))
    return Markup(shown) if isinstance(written, Markup) else shown


def to_time(value: object, zone: tzinfo) -> datetime | None:
    """A value as a time, or None; `zone` is that of a value without one."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    if isinstance(value, date):
        return datetime.combine(value, time.min, zone)
    if isinstance(value, int) and not isinstance(value, bool):
        return _from_seconds(value, zone)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_DATE_CHARS:
        return None
    if value.isascii() and value.isdigit():
        return _from_seconds(int(value), zone)
    if _NUMBER.fullmatch(value):
        return None
    if value.lower() in ("now", "today"):
        return clock.now().astimezone(zone)
    return _from_text(str(value), zone)


def shop_zone(context: RenderContext) -> tzinfo:
    """The zone of the shop that a mail is for: that of its `now`."""
    now = context.globals.get("now")
    return (now.tzinfo if isinstance(now, datetime) else None) or clock.now().tzinfo or UTC


def _from_seconds(seconds: int, zone: tzinfo) -> datetime | None:
    seconds = seconds // 1000 if abs(seconds) >= MAX_SECONDS else seconds
    try:
        return datetime.fromtimestamp(seconds, zone)
    except (ValueError, OverflowError, OSError):
        return None


def _from_text(text: str, zone: tzinfo) -> datetime | None:
    try:
        at: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        at = _read_loosely(text, zone)
    return at if at is None or at.tzinfo else at.replace(tzinfo=zone)


def _read_loosely(text: str, zone: tzinfo) -> datetime | None:
    """A time in some other form. As in Ruby, a month without a day is its first, and a time without
    a day is today's: two readings that are filled up with different days tell them apart.
    """
    today = datetime.combine(clock.now().astimezone(zone), time.min)
    another = today.replace(day=1, month=today.month % 12 + 1)
    try:
        found: datetime = date_parser.parse(text, default=today, tzinfos=_zone_of)
        other: datetime = date_parser.parse(text, default=another, tzinfos=_zone_of)
    except (ValueError, ArithmeticError, TypeError, LookupError):
        return None
    return other if other.month == found.month else found


def _zone_of(name: str | None, offset: int | None) -> tzinfo | None:
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    hours = _ZONES.get((name or "").upper())
    return None if hours is None else timezone(timedelta(hours=hours))
