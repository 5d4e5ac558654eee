"""Read phone numbers: in E.164, of which kind, and whether texts may go there.

A number that could be a stranger's is none: it is asked for again rather than guessed.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType as Type

MAX_TYPED_CHARS = 40
# Between two numbers of one cell; a lone slash also stands behind an area code.
_TWO_NUMBERS = re.compile(r"[,;&|\n]|\bor\b|\band\b", re.IGNORECASE)
MIN_NUMBER_DIGITS = 6  # of each of two numbers in one cell
MAX_AREA_DIGITS = 8  # before a slash: +49 (0)36206/…
# The plan sets them apart for machines, though the library calls them mobiles:
# Netherlands: 097, acm.nl, numbering plan for telephone and ISDN services.
_MACHINES = ("+3197",)
_BRAZIL, _MEXICO = 55, 52
# What people and the European Union call two countries that ISO 3166-1 calls otherwise.
OTHER_CODES = {"UK": "GB", "EL": "GR"}


class TextAbility(StrEnum):
    """Whether a number receives texts."""

    YES = "yes"
    UNKNOWN = "unknown"  # landlines and mobiles look alike, or it cannot be told
    NO = "no"


class TextRefusal(StrEnum):
    """Why a number gets no texts."""

    NO_NUMBER = "no_number"
    EXTENSION = "extension"  # behind a switchboard
    FIXED_LINE = "fixed_line"
    TOLL_FREE = "toll_free"
    PREMIUM_RATE = "premium_rate"
    SHARED_COST = "shared_cost"
    COMPANY = "company"
    PAGER = "pager"
    VOICEMAIL = "voicemail"
    PERSONAL_NUMBER = "personal_number"  # leads anywhere, at any price


_REFUSALS = {
    Type.FIXED_LINE: TextRefusal.FIXED_LINE,
    Type.TOLL_FREE: TextRefusal.TOLL_FREE,
    Type.PREMIUM_RATE: TextRefusal.PREMIUM_RATE,
    Type.SHARED_COST: TextRefusal.SHARED_COST,
    Type.UAN: TextRefusal.COMPANY,
    Type.PAGER: TextRefusal.PAGER,
    Type.VOICEMAIL: TextRefusal.VOICEMAIL,
    Type.PERSONAL_NUMBER: TextRefusal.PERSONAL_NUMBER,
}
_ABILITY = {
    Type.MOBILE: TextAbility.YES,
    Type.FIXED_LINE_OR_MOBILE: TextAbility.UNKNOWN,
    Type.VOIP: TextAbility.UNKNOWN,
    Type.UNKNOWN: TextAbility.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A valid number. With an extension it is a switchboard's, and no one person's."""

    e164: str
    kind: str  # as libphonenumber calls it: MOBILE, FIXED_LINE …
    extension: str
    may_text: TextAbility


@lru_cache(4096)
def read_phone(text: str, country: str | None = None) -> PhoneNumber | None:
    """Read a number. `country` (ISO 3166-1) reads it if it has no calling code."""
    number = _parse(text, country)
    if number is None:
        return None
    return PhoneNumber(
        e164=text_of_e164(number),
        kind=Type.to_string(phonenumbers.number_type(number)),
        extension=number.extension or "",
        may_text=_ability(number),
    )


# One delivery names its customer several times, a batch even more often.
@lru_cache(4096)
def read_own_number(text: str, country: str | None) -> str | None:
    """Return a number of one person in E.164: two extensions of one line are two people."""
    number = _parse(text, country)
    return None if number is None or number.extension else text_of_e164(number)


@lru_cache(4096)
def may_text(e164: str) -> bool:
    """Return whether a number may hold a consent to texts: what is no mobile may not."""
    return text_refusal(e164) is None


@lru_cache(4096)
def text_refusal(e164: str) -> TextRefusal | None:
    """Return why a number gets no texts, or None if it may."""
    number = _parse(e164, None)
    if number is None:
        return TextRefusal.NO_NUMBER
    if number.extension:
        return TextRefusal.EXTENSION
    return _REFUSALS.get(phonenumbers.number_type(number))


def _ability(number: phonenumbers.PhoneNumber) -> TextAbility:
    if number.extension:
        return TextAbility.NO
    if text_of_e164(number).startswith(_MACHINES):
        return TextAbility.UNKNOWN
    return _ABILITY.get(phonenumbers.number_type(number), TextAbility.NO)


def text_of_e164(number: phonenumbers.PhoneNumber) -> str:
    """Write a number in E.164."""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _parse(text: str, country: str | None) -> phonenumbers.PhoneNumber | None:
    if not text or len(text) > MAX_TYPED_CHARS:
        return None
    if country is not None:
        country = OTHER_CODES.get(country, country)
    if _is_whole(text):
        return parse_e164(text)
    if _names_two(text):
        return None
    found = _valid(text, country)
    if country is None or text.lstrip().startswith(("+", "＋")):
        return found
    return _with_lost_plus(text, country, found)


@lru_cache(4096)
def parse_e164(text: str) -> phonenumbers.PhoneNumber | None:
    """Parse a number in E.164, for what the library says of it; None if it is none."""
    return _valid(text, None) if _is_whole(text) else None


def _is_whole(text: str) -> bool:
    """Whether a number is written as storefronts write it: no country reads it otherwise."""
    return text[:1] == "+" and text[1:].isdigit()


def _with_lost_plus(
    text: str, country: str, found: phonenumbers.PhoneNumber | None
) -> phonenumbers.PhoneNumber | None:
    """Read a number that may have lost its plus in a sheet.

    Digits that make a whole number with the country's own calling code are that number, though
    they may also be a part of a longer one. Digits that make a mobile abroad, and only a landline
    without the leading zero at home, may be either.
    """
    digits = phonenumbers.normalize_digits_only(text)
    trunk = phonenumbers.ndd_prefix_for_region(country, True)
    if not digits or (trunk and digits.startswith(trunk)) or digits.startswith("0"):
        return found
    abroad = _valid(f"+{digits}", None)
    if abroad is None:
        return found
    if abroad.country_code == phonenumbers.country_code_for_region(country):
        abroad.extension = None if found is None else found.extension
        return abroad
    if found is None or trunk != "0" or phonenumbers.number_type(found) == Type.MOBILE:
        return found
    return None if phonenumbers.number_type(abroad) == Type.MOBILE else found


def _valid(text: str, country: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_valid_number(number):
        return number
    return _renewed(number)


def _renewed(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber | None:
    """A number as its plan has it now, where accounts of WhatsApp still have the older one.

    Mexico dropped the 1 before mobiles on 2019-08-03 (IFT); since 2016-11-06 every mobile of Brazil
    begins with a 9 (Anatel).
    """
    digits = str(number.national_number)
    if len(digits) > 11:  # its plus was lost: the calling code is still there
        digits = digits.removeprefix(str(number.country_code))
    if number.country_code == _MEXICO and len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    elif number.country_code == _BRAZIL and len(digits) == 10 and digits[2] in "6789":
        digits = f"{digits[:2]}9{digits[2:]}"
    else:
        return None
    renewed = phonenumbers.PhoneNumber(
        country_code=number.country_code, national_number=int(digits), extension=number.extension
    )
    return renewed if phonenumbers.is_valid_number(renewed) else None


def _names_two(text: str) -> bool:
    parts = [len(phonenumbers.normalize_digits_only(each)) for each in _TWO_NUMBERS.split(text)]
    if sum(count >= MIN_NUMBER_DIGITS for count in parts) > 1:
        return True
    before, slash, after = text.partition("/")
    return bool(slash) and (
        len(phonenumbers.normalize_digits_only(before)) > MAX_AREA_DIGITS
        and len(phonenumbers.normalize_digits_only(after)) >= MIN_NUMBER_DIGITS
    )
