"""Normalise an address, a number, a time or an amount."""

import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import idna
from email_validator import EmailNotValidError, validate_email
from phonenumbers import country_code_for_region

from plugin.errors import MalformedError
from plugin.phones.numbers import read_own_number

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# An address of which only the domain may be wrong: a dot-atom (RFC 5322, 3.2.3) at letters that no
# other ones stand for (Punycode, RFC 3492).
_PLAIN = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?!.*xn--)[a-z0-9.-]+",
    re.ASCII | re.IGNORECASE,
)
# Until 2009 these carriers gave out addresses with dots where RFC 5322 has none, and kept them
# (rbbtoday.com/news/20090403/59059.html, plusmb.jp/2009/04/10/3177.html).
_OLD_JAPANESE = re.compile(r"[a-z0-9_-][a-z0-9._-]{0,63}@(?:docomo|ezweb)\.ne\.jp")
# How many decimals a currency has where it is not two: ISO 4217, list one, published 2026-01-01 by
# its maintenance agency (six-group.com). It is what Shopify's amounts and minor units have. CLDR
# gives 13 of the others fewer (AFN, ALL, IQD, IRR, KPW, LAK, LBP, MGA, MMK, RSD, SOS, SYP, YER),
# since their coins are hardly used.
CURRENCY_DECIMALS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
    "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
    "CLF": 4, "UYW": 4,
}  # fmt: skip
BIRTHDAY = "birthday"  # the property that holds it, in ISO 8601
MIN_AGE_YEARS = 16
# A time beyond these has no place in every zone, or none after a wait.
FIRST_YEAR, LAST_YEAR = 1900, 2999
MAX_MONEY_UNITS = 10**14  # whole units: its minor units fit into 64 bits in every currency


def without_unstorable(value: Any) -> Any:
    """Parsed JSON without what no database holds in a text: NUL, and half of a pair."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("", value)
    if isinstance(value, list):
        return [without_unstorable(each) for each in value]
    if isinstance(value, dict):
        return {without_unstorable(name): without_unstorable(each) for name, each in value.items()}
    return value


def parse_email(text: object) -> str | None:
    """Return an address in its normal form, or None. Deliverability is not checked."""
    if not isinstance(text, str) or not text or len(text) > 254:
        return None
    return _email(text)


@lru_cache(4096)  # one delivery names its customer several times, a batch even more often
def _email(text: str) -> str | None:
    typed = text.strip()
    if _OLD_JAPANESE.fullmatch(typed.lower()):
        return typed.lower()
    if _PLAIN.fullmatch(typed):
        return typed.lower() if _normal(f"a@{typed.rpartition('@')[2].lower()}") else None
    return _normal(typed)


@lru_cache(4096)  # the domain is most of the work, and most shoppers share a few
def _normal(text: str) -> str | None:
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


def ascii_domain(domain: str) -> str | None:
    """A domain as DNS knows it, or None. A letter that older rules took for another keeps its own
    domain: of `ß` and a final `ς` (UTS 46, not transitional).
    """
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        return None


def is_under_age(born: date, today: date) -> bool:
    """Whether we may keep nothing of a person: GDPR, article 8(1); COPPA below 13."""
    had_birthday = (today.month, today.day) >= (born.month, born.day)
    return today.year - born.year - (not had_birthday) < MIN_AGE_YEARS


def parse_phone(text: object, country: str | None = None) -> str | None:
    """One person's number in E.164, or None. `country` (ISO 3166-1) reads it without a prefix."""
    return read_own_number(text, country) if isinstance(text, str) else None


def calling_code(country: str) -> int:
    """Return the digits after the + in a country's (ISO 3166-1) phone numbers; 0 if unknown."""
    return country_code_for_region(country)


def parse_time(text: object, name: str) -> datetime:
    """A time as the storefront writes it (ISO 8601 with an offset).

    Raises:
        MalformedError: it is none.
    """
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        at = None
    if at is None or at.utcoffset() is None:
        raise MalformedError(f"{name} is not a time with an offset")
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise MalformedError(f"{name} is not between {FIRST_YEAR} and {LAST_YEAR}")
    return at


def currency_decimals(currency: str) -> int:
    """Return how many decimals a currency (ISO 4217) has: 2 for USD, 0 for JPY, 3 for KWD."""
    return CURRENCY_DECIMALS.get(currency.upper(), 2)


def to_minor_units(amount: object, currency: str, name: str = "amount") -> int:
    """A decimal amount in minor units: minor("19.99", "USD") is 1999, minor("1999", "JPY") 1999.

    Raises:
        MalformedError: it is no amount.
    """
    try:
        value = Decimal(str(amount))
        if not abs(value) < MAX_MONEY_UNITS:  # also refuses NaN; 1e999999 would be a million digits
            raise ValueError
        return int((value * 10 ** currency_decimals(currency)).to_integral_value())
    except (ArithmeticError, ValueError):
        raise MalformedError(f"{name} is not an amount of money") from None


def to_decimal(amount: int, currency: str) -> str:
    """Minor units as a decimal amount: decimal(1999, "USD") is "19.99", and 1999 yen "1999"."""
    places = currency_decimals(currency)
    return f"{Decimal(amount).scaleb(-places):.{places}f}"
