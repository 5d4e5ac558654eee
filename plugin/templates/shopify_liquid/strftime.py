"""Write a time as Ruby's `Time#strftime` does, which is what Shopify's `date` filter speaks.

Python's own asks the C library, which knows other directives and no `%L`. Names are English, as
Shopify's are. Source: docs.ruby-lang.org, `strftime_formatting.rdoc`.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

MAX_WIDTH = 100  # letters that one directive may be padded to
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_DIRECTIVE = re.compile(r"%([-0^#_]*)(\d*)(:{0,2})([a-zA-Z%+])")
_SHORT = {
    "c": "%a %b %e %H:%M:%S %Y", "D": "%m/%d/%y", "F": "%Y-%m-%d", "r": "%I:%M:%S %p",
    "R": "%H:%M", "T": "%H:%M:%S", "v": "%e-%^b-%Y", "x": "%m/%d/%y", "X": "%H:%M:%S",
    "+": "%a %b %e %H:%M:%S %Z %Y",
}  # fmt: skip
_NUMBERS: dict[str, tuple[Callable[[datetime], int], int, str]] = {  # value, width, filled with
    "C": (lambda at: at.year // 100, 2, "0"),
    "d": (lambda at: at.day, 2, "0"),
    "e": (lambda at: at.day, 2, " "),
    "g": (lambda at: at.isocalendar().year % 100, 2, "0"),
    "G": (lambda at: at.isocalendar().year, 4, "0"),
    "H": (lambda at: at.hour, 2, "0"),
    "I": (lambda at: at.hour % 12 or 12, 2, "0"),
    "j": (lambda at: at.timetuple().tm_yday, 3, "0"),
    "k": (lambda at: at.hour, 2, " "),
    "l": (lambda at: at.hour % 12 or 12, 2, " "),
    "m": (lambda at: at.month, 2, "0"),
    "M": (lambda at: at.minute, 2, "0"),
    "s": (lambda at: int(at.timestamp()), 1, "0"),
    "S": (lambda at: at.second, 2, "0"),
    "u": (lambda at: at.isoweekday(), 1, "0"),
    "U": (lambda at: (at.timetuple().tm_yday + 6 - at.isoweekday() % 7) // 7, 2, "0"),
    "V": (lambda at: at.isocalendar().week, 2, "0"),
    "w": (lambda at: at.isoweekday() % 7, 1, "0"),
    "W": (lambda at: (at.timetuple().tm_yday + 6 - at.weekday()) // 7, 2, "0"),
    "y": (lambda at: at.year % 100, 2, "0"),
    "Y": (lambda at: at.year, 4, "0"),
}
_WORDS: dict[str, Callable[[datetime], str]] = {
    "a": lambda at: DAYS[at.isoweekday() % 7][:3],
    "A": lambda at: DAYS[at.isoweekday() % 7],
    "b": lambda at: MONTHS[at.month - 1][:3],
    "B": lambda at: MONTHS[at.month - 1],
    "h": lambda at: MONTHS[at.month - 1][:3],
    "n": lambda at: "\n",
    "p": lambda at: "AM" if at.hour < 12 else "PM",
    "P": lambda at: "am" if at.hour < 12 else "pm",
    "t": lambda at: "\t",
    "Z": lambda at: _zone_name(at),
    "%": lambda at: "%",
}


def strftime(at: datetime, form: str) -> str:
    """A time in a form; a directive that Ruby does not know stays as it is."""
    return _DIRECTIVE.sub(lambda found: _write(at, found), form)


def _write(at: datetime, found: re.Match[str]) -> str:
    flags, said, colons, name = found.groups()
    width = int(said[:4] or 0)
    if width > MAX_WIDTH or (colons and name != "z"):
        return found[0]
    if name in ("L", "N"):
        digits = width or (3 if name == "L" else 9)
        return f"{at.microsecond:06}".ljust(digits, "0")[:digits]
    if name == "z":
        return _offset(at, colons).rjust(width, "0")
    if name in _NUMBERS:
        reckon, usual, fill = _NUMBERS[name]
        return _fill(str(reckon(at)), flags, width or usual, fill)
    if name in _SHORT:
        return _fill(_cased(strftime(at, _SHORT[name]), flags, name), flags, width, " ")
    if name in _WORDS:
        return _fill(_cased(_WORDS[name](at), flags, name), flags, width, " ")
    return found[0]


def _fill(text: str, flags: str, width: int, fill: str) -> str:
    if "-" in flags:
        return text
    fill = "0" if "0" in flags else " " if "_" in flags else fill
    return text.rjust(width, fill)


def _cased(text: str, flags: str, name: str) -> str:
    if "#" in flags:  # the other case: small for what is written large
        return text.lower() if name in ("p", "Z") else text.upper()
    return text.upper() if "^" in flags else text


def _offset(at: datetime, colons: str) -> str:
    seconds = round((at.utcoffset() or timedelta()).total_seconds())
    sign, seconds = "-" if seconds < 0 else "+", abs(seconds)
    between = ":" if colons else ""
    text = f"{sign}{seconds // 3600:02}{between}{seconds // 60 % 60:02}"
    return f"{text}:{seconds % 60:02}" if colons == "::" else text


def _zone_name(at: datetime) -> str:
    """`NZDT`; a time that only has an offset has no name for it."""
    name = at.tzname() or ""
    return "" if name.startswith("UTC") and name != "UTC" else name
