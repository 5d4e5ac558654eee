"""Write an amount of money as a shopper or a merchant reads it.

The words and signs are the language's (CLDR, by Babel); how many decimals there are is the
currency's (ISO 4217), as in the amounts that are stored. CLDR leaves decimals out that are rarely
used in cash, and Babel with it.
"""

from collections.abc import Callable
from copy import copy
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from unicodedata import category

from babel import UnknownLocaleError
from babel.core import Locale
from babel.numbers import NumberPattern, get_currency_symbol, get_minus_sign_symbol

from plugin.values import currency_decimals

# Numbers are grouped from five digits on: 1234,50 € but 12.345,00 €. CLDR 48,
# minimumGroupingDigits, which Babel 2.18 does not have.
FIVE_DIGITS = {
    "be", "bg", "es", "et", "hu", "hy", "ia", "ie", "it", "ka", "lv", "pl", "sl", "sq",
    "pt_CH", "pt_CV", "pt_GQ", "pt_GW", "pt_LU", "pt_MO", "pt_MZ", "pt_PT", "pt_ST", "pt_TL",
    "ru_UA",
}  # fmt: skip
MAX_MINOR_UNITS = 10**20  # no shop has more
SPAIN_AND_AFRICA = {"", "EA", "ES", "GQ", "IC", "PH"}  # where `es` means that of Spain


class Amount(int):
    """Minor units that know their currency, so that they are written in it wherever they stand."""

    currency: str

    def __new__(cls, minor: int, currency: str) -> "Amount":
        """An amount of a currency."""
        made = super().__new__(cls, minor)
        made.currency = currency
        return made


class CalculatedAmount(float):
    """An amount that was calculated, in minor units and parts of them, that knows its currency."""

    currency: str

    def __new__(cls, minor: float, currency: str) -> "CalculatedAmount":
        """An amount of a currency."""
        made = super().__new__(cls, minor)
        made.currency = currency
        return made


def in_currency(minor: float, currency: str) -> Amount | CalculatedAmount:
    """An amount of a currency; what is a whole number stays one."""
    return Amount(minor, currency) if isinstance(minor, int) else CalculatedAmount(minor, currency)


def currency_of(value: object) -> str:
    """The currency that an amount knows; empty for any other value."""
    return value.currency if isinstance(value, Amount | CalculatedAmount) else ""


def format_money(minor: object, currency: str, locale: str) -> str:
    """An amount in minor units, written for a locale: 3800 USD is $38.00, 3800 JPY is ¥3,800.

    One that was calculated is rounded to the unit; what is no number is nothing.
    """
    if (whole := _to_unit(minor)) is None:
        return ""
    decimals = currency_decimals(currency)
    spoken = babel_locale(locale)
    amount = whole.scaleb(-decimals)
    written = _pattern(spoken, currency, decimals).apply(
        amount,
        spoken,
        currency=currency,
        currency_digits=False,
        group_separator=abs(amount) >= 10_000 or not _groups_late(spoken),
    )
    return str(written)


@lru_cache(256)
def babel_locale(locale: str) -> Locale:
    """Babel's locale for a BCP 47 tag: the language, where the country is unknown; else English."""
    parts = locale.replace("-", "_").split("_")
    for end in range(len(parts), 0, -1):
        try:
            return Locale.parse("_".join(parts[:end]))
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


def _to_unit(minor: object) -> Decimal | None:
    if isinstance(minor, bool) or not isinstance(minor, int | float | str):
        return None
    try:
        amount = Decimal(str(minor).strip())
        within = abs(amount) < MAX_MINOR_UNITS
    except ArithmeticError:  # no number, or NaN
        return None
    return amount.quantize(Decimal(1), rounding=ROUND_HALF_UP) if within else None


@lru_cache(1024)
def _pattern(locale: Locale, currency: str, decimals: int) -> NumberPattern:
    """The locale's pattern with a currency's decimals, and a space between letters and digits."""
    symbol = get_currency_symbol(currency, locale)
    made: NumberPattern = copy(locale.currency_formats["standard"])
    made.frac_prec = (decimals, decimals)
    minus = get_minus_sign_symbol(locale)
    made.prefix = (made.prefix[0], made.prefix[1].replace("-", minus))
    if _needs_space(symbol[-1:]):
        made.prefix = _mapped(made.prefix, lambda each: f"{each}\xa0" if each[-1:] == "¤" else each)
    if _needs_space(symbol[:1]):
        made.suffix = _mapped(made.suffix, lambda each: f"\xa0{each}" if each[:1] == "¤" else each)
    return made


def _mapped(both: tuple[str, str], change: Callable[[str], str]) -> tuple[str, str]:
    return change(both[0]), change(both[1])


def _needs_space(letter: str) -> bool:
    """Whether a letter of a currency's sign stands apart from digits (CLDR, currencySpacing)."""
    return bool(letter) and category(letter)[0] not in "SZ"


def _groups_late(locale: Locale) -> bool:
    if locale.language == "es" and (locale.territory or "") not in SPAIN_AND_AFRICA:
        return False
    return bool({locale.language, f"{locale.language}_{locale.territory}"} & FIVE_DIGITS)
