"""Find a number in a text by every spelling that we would read as it.

Whatever `parse_phone` reads as theirs, from any country, is theirs. What stands in running text or
before an extension is found too, though no field is read so. A number that is a part of a longer
one is another person's.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import phonenumbers

from plugin.phones.numbers import MAX_TYPED_CHARS
from plugin.privacy.escapes import fold
from plugin.values import parse_phone

DIGITS = 7  # a shorter number stands in other numbers
TAIL_DIGITS = 6  # which no reading of a number changes: prefixes and area codes stand before them
# Between digits, as people write numbers; never what parts two fields.
_BETWEEN = r"[^\w\",:{}\\@]|_"
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_FIELDS = re.compile(r'["\\]+')
_CELLS = re.compile(r'["\\,;\t|\r\n]+')
_KEYPAD = dict(zip("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999", strict=True))
_KEYS = bytes.maketrans(
    b"".join(letter.encode() + letter.upper().encode() for letter in _KEYPAD),
    b"".join(2 * digit.encode() for digit in _KEYPAD.values()),
)
_NO_DIGITS = bytes(byte for byte in range(256) if not 48 <= byte <= 57)
_NO_KEYS = bytes(byte for byte in _NO_DIGITS if not chr(byte).isalpha() or byte > 127)


class PhoneSearch:
    """Looks for some numbers in E.164."""

    def __init__(self, numbers: Iterable[str]) -> None:
        self._numbers = [number for number in numbers if _E164.fullmatch(number)]
        self._tails = {number[-TAIL_DIGITS:].encode() for number in self._numbers}
        self._patterns = [
            (_pattern(digits), _leads(code))
            for code, digits in map(_parts, self._numbers)
            if len(digits) >= DIGITS
        ]

    def is_in(self, text: str) -> bool:
        """Return whether one of the numbers stands in a text without escapes."""
        if not self._numbers:
            return False
        if not text.isascii():
            text = _other_digits().sub(lambda c: str(unicodedata.decimal(c[0], c[0])), text)
        if not _has_any(text, self._tails):
            return False
        return self._stands_in(fold(text)) or self._is_read_from(text)

    def _stands_in(self, text: str) -> bool:
        return any(
            sum(map(str.isdigit, found[0])) >= len("555") and _lead(text, found.start()) in leads
            for pattern, leads in self._patterns
            for found in pattern.finditer(text)
        )

    def _is_read_from(self, text: str) -> bool:
        pieces = {piece for parts in (_FIELDS, _CELLS) for piece in parts.split(text)}
        return any(
            _is_read_as(piece, number)
            for piece in pieces
            if len(piece) <= MAX_TYPED_CHARS
            for number in self._numbers
        )


def _has_any(text: str, tails: Iterable[bytes]) -> bool:
    """Whether one of the numbers may be among a text's digits, or among its letters as digits."""
    plain = text.encode("ascii", "ignore")
    digits, keys = plain.translate(None, _NO_DIGITS), plain.translate(_KEYS, _NO_KEYS)
    return len(keys) >= DIGITS and any(tail in digits or tail in keys for tail in tails)


def _parts(number: str) -> tuple[str, str]:
    """The calling code of a number, and the digits that it has everywhere."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:  # a calling code that is no longer given out
        return "0", number.removeprefix("+")
    return str(parsed.country_code), str(parsed.national_number)


def _pattern(digits: str) -> re.Pattern[str]:
    keys = {digit: "".join(k for k, of in _KEYPAD.items() if of == digit) for digit in "0123456789"}
    each = [f"[{digit}{keys[digit]}]" for digit in digits]
    return re.compile(f"(?:{_BETWEEN}){{0,4}}".join(each) + r"(?!\d)")


def _leads(code: str) -> frozenset[str]:
    """The digits that may stand right before a number's own."""
    trunks = {"", "0"} | {
        phonenumbers.ndd_prefix_for_region(region, True) or "" for region in _homes(code)
    }
    abroad = {f"{prefix}{code}" for prefix in ("", "00", "011", "0011", "010", "810", "001", "002")}
    return frozenset(trunks | abroad | {f"{each}0" for each in abroad})


def _lead(text: str, at: int) -> str:
    start = at
    while start and text[start - 1].isdigit():
        start -= 1
    return text[start:at]


@lru_cache(1)
def _other_digits() -> re.Pattern[str]:
    """The digits of other scripts, one by one: a third of the time of a class of them (measured).
    Beyond the first plane everything is looked at: few texts have such characters.
    """
    digits = "".join(chr(code) for code in range(128, 0x10000) if chr(code).isdecimal())
    return re.compile(f"[{digits}\U00010000-\U0010ffff]")


@lru_cache(4096)
def _is_read_as(piece: str, number: str) -> bool:
    """Whether a field is read as a number, from any country."""
    if not _has_any(piece, [number[-TAIL_DIGITS:].encode()]):
        return False
    countries = (None, *_readers(_parts(number)[0]))
    return any(parse_phone(piece, country) == number for country in countries)


def _homes(code: str) -> tuple[str, ...]:
    return tuple(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()))


@lru_cache(300)
def _readers(code: str) -> tuple[str, ...]:
    """Countries of a calling code, and one for each way in which others dial abroad."""
    ways = {_dials_abroad(region): region for region in sorted(phonenumbers.SUPPORTED_REGIONS)}
    return tuple(dict.fromkeys((*_homes(code), *ways.values())))


def _dials_abroad(region: str) -> str | None:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    return metadata.international_prefix if metadata is not None else None
