"""Languages: translate texts, and format money, numbers and dates.

Catalogues are `.po` files, read when the process starts; there is no build step. To bring one up to
date after a change of texts, run `python -m admin_ui.kit.catalogue`.
"""

import gettext
import io
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import (
    format_date,
    format_skeleton,
    format_time,
    format_timedelta,
    get_datetime_format,
)
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import (
    format_compact_currency,
    format_decimal,
    format_percent,
)

from plugin import clock
from plugin.money import format_money
from plugin.values import currency_decimals
from storage.counts import Count

CATALOGUES = Path(__file__).parents[1] / "locale"
LANGUAGES = {"en": "English", "zh_Hans": "简体中文"}
DEFAULT = "en"


def choose(*wishes: str) -> str:
    """The first wish that we speak: `zh-CN`, `zh_Hans` and `zh` are all ours, `fr` is not."""
    for wish in wishes:
        for part in wish.split(","):
            start = part.split(";")[0].strip().replace("_", "-").split("-")[0].lower()
            if start in ("en", "zh"):
                return "zh_Hans" if start == "zh" else "en"
    return DEFAULT


@lru_cache
def translations(code: str) -> gettext.NullTranslations:
    """The words of a language; English is the language that the code is written in."""
    path = CATALOGUES / code / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=code)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class Language:
    """A merchant's language, with their shop's time zone and currency."""

    def __init__(self, code: str, zone: str = "UTC", currency: str = "USD") -> None:
        self.code = code
        self.locale = Locale.parse(code)
        self.currency = currency
        self._words = translations(code)
        try:
            self.zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            self.zone = ZoneInfo("UTC")

    @property
    def tag(self) -> str:
        """For `lang=`: `zh-Hans`."""
        return self.code.replace("_", "-")

    def text(self, words: str, **values: object) -> str:
        """A sentence in this language."""
        said = self._words.gettext(words)
        return said % values if values else said

    def plural(self, one: str, many: str, count: int, **values: object) -> str:
        """A sentence about `count` things; `%(num)s` is the count as this language writes it."""
        return self._words.ngettext(one, many, count) % {"num": self.number(count), **values}

    def money(self, minor: int, currency: str | None = None) -> str:
        """An amount in minor units, to the last of them."""
        currency = currency or self.currency
        return format_money(minor, currency, str(self.locale))

    def short_money(self, minor: int, currency: str | None = None) -> str:
        """An amount for the axis of a chart: `$12K`."""
        currency = currency or self.currency
        return format_compact_currency(_major(minor, currency), currency, locale=self.locale)

    def number(self, number: float) -> str:
        """A count: `1,204`; or `10,000+`, where it is only known that there are more."""
        more = "+" if isinstance(number, Count) and number.at_least else ""
        return format_decimal(number, locale=self.locale) + more

    def counted_at(self, *counts: Count) -> str:
        """When the figures among some counts were counted that are not of just now; or nothing."""
        moments = [count.counted_at for count in counts if count.counted_at]
        return self.text("Updated %(ago)s", ago=self.ago(min(moments))) if moments else ""

    def listing(self, words: Sequence[str]) -> str:
        """Several words as one: `a, b and c`."""
        return format_list(words, locale=self.locale)

    def percent(self, share: float) -> str:
        """A share with one digit after the point when it is small: `4.2%`, `31%`."""
        form = "#,##0.0%" if 0 < share < 0.1 else "#,##0%"
        return format_percent(share, format=form, locale=self.locale)

    def day(self, day: date) -> str:
        """A day without its year: `Nov 21`."""
        return format_skeleton("MMMd", day, locale=self.locale)

    def long_day(self, day: date) -> str:
        """A day: `Nov 21, 2026`."""
        return format_date(day, format="medium", locale=self.locale)

    def month(self, day: date) -> str:
        """A month without its year: `Nov`."""
        return format_skeleton("MMM", day, locale=self.locale)

    def long_month(self, day: date) -> str:
        """A month: `Nov 2026`."""
        return format_skeleton("yMMM", day, locale=self.locale)

    def moment(self, at: datetime) -> str:
        """A moment, where the shop is: `Nov 21, 2026, 9:04 AM`."""
        both = str(get_datetime_format("medium", self.locale))
        clock_time = format_time(at, format="short", tzinfo=self.zone, locale=self.locale)
        return both.format(clock_time, self.long_day(self.local_day(at)))

    def iso(self, at: datetime) -> str:
        """A moment for machines, in `<time datetime=…>`."""
        return at.astimezone(self.zone).isoformat(timespec="seconds")

    def ago(self, at: datetime) -> str:
        """How long ago a moment was, or in how long it will be: `3 hours ago`."""
        return format_timedelta(at - clock.now(), add_direction=True, locale=self.locale)

    def duration(self, seconds: int) -> str:
        """How long something took: `6 minutes`."""
        return format_timedelta(timedelta(seconds=seconds), locale=self.locale)

    def local_day(self, at: datetime) -> date:
        """The day that a moment falls on where the shop is."""
        return at.astimezone(self.zone).date()


def _major(minor: int, currency: str) -> float:
    return float(minor / 10 ** currency_decimals(currency))
