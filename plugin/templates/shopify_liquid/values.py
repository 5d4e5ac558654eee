"""What a value is to Liquid: its text, its number, its items, and whether it is nothing.

After `Liquid::Utils` and `StandardFilters::InputIterator` of Shopify/liquid 5.4. A value that does
not do raises `ValueError`, and the tag around it renders as nothing (`tags.py`).
"""

import html
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from liquid.builtin.expressions.primitive import Blank, Empty
from liquid.exceptions import LiquidError
from markupsafe import Markup

from plugin.templates.shopify_liquid.limits import (
    MAX_NUMBER_BITS,
    MAX_NUMBER_CHARS,
    check_items,
)

# What a value raises that does not do for its filter. RecursionError: lists in lists in lists.
FAULTS = (LiquidError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError)

_DECIMAL = re.compile(r"\s*-?\d+\.\d+\s*\Z", re.ASCII)
_LEADING = re.compile(r"\s*([+-]?\d+)", re.ASCII)
_WHOLE = re.compile(r"\s*[+-]?\d+\s*\Z", re.ASCII)
_MARKUP = re.compile(r"<[/!a-zA-Z]|&#?\w+;")
_BREAK = re.compile(r"<br\s*/?>\n?")
_TAG_BEGIN = re.compile(r"</?[a-zA-Z]|<!--")
_WIDE = Context(prec=1000)


def to_text(value: object) -> str:
    """A value as Ruby's `to_s` writes it; what is marked as HTML, and has markup, stays so."""
    if isinstance(value, Markup):
        return value if _MARKUP.search(value) else str(value)
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, Blank | Empty):
        return ""
    if isinstance(value, int | float):
        return _plain(value)
    return _inspect(value) if isinstance(value, list | tuple | Mapping) else _plain(value)


def to_shown(value: object) -> str:
    """A value as `{{ }}` shows it: a list is its items, one after the other."""
    if isinstance(value, list | tuple):
        return Markup("").join(map(to_shown, value)) if _has_markup(value) else _joined(value)
    return to_text(value)


def to_plain_text(text: str) -> str:
    """What a reader sees of a text: one that is marked as HTML without its tags and entities."""
    if not isinstance(text, Markup):
        return text
    return html.unescape(without_spans(_BREAK.sub("\n", text), _TAG_BEGIN, {"<!--": "-->"}, ">"))


def without_spans(
    text: str, begin: re.Pattern[str], ends: Mapping[str, str], otherwise: str = ""
) -> str:
    """A text without what begins in one of these ways and ends as that way does.

    It is read once: `<.*?>` would look for an end that is nowhere at every beginning anew.
    """
    pieces, at = [], 0
    nowhere: set[str] = set()
    for found in begin.finditer(text):
        closing = ends.get(found[0], otherwise)
        if found.start() < at or closing in nowhere:
            continue
        end = text.find(closing, found.end())
        if end < 0:
            nowhere.add(closing)
            continue
        pieces.append(text[at : found.start()])
        at = end + len(closing)
    return "".join([*pieces, text[at:]])


def to_number(value: object) -> int | Decimal:
    """A value as a number: a text's leading digits, and zero for what is none.

    Raises:
        ValueError: it is a text longer than any number.
    """
    if isinstance(value, bool):
        return 0
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, str):
        if len(value) > MAX_NUMBER_CHARS:
            raise ValueError("This number is too long.")
        if _DECIMAL.match(value):
            return Decimal(value.strip())
        return int(found[1]) if (found := _LEADING.match(value)) else 0
    return 0


def to_result(number: int | Decimal) -> int | float:
    """What a calculation gives: whole numbers stay whole.

    Raises:
        ValueError: it is larger than any that can be written.
    """
    if isinstance(number, int):
        if number.bit_length() > MAX_NUMBER_BITS:
            raise ValueError("This number is too large.")
        return number
    if not math.isfinite(found := float(number)):
        raise ValueError("This number is too large.")
    return found + 0.0  # no minus before a zero


def to_integer(value: object, default: int) -> int:
    """A count or a position; nothing is the default.

    Raises:
        ValueError: it is no whole number.
    """
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _WHOLE.match(value):
        return int(value)
    raise ValueError(f"This is no whole number: {type(value).__name__}.")


def round_half_up(number: Decimal, digits: int = 0) -> Decimal:
    """A number with so many digits after the point; a half is rounded away from zero."""
    unit = Decimal(1).scaleb(-digits)
    return number.quantize(unit, rounding=ROUND_HALF_UP, context=_WIDE)


def to_items(value: object) -> list[object]:
    """The items of a list, whole lists within it opened; anything else is the only item.

    Raises:
        LoopIterationLimitError: it is a range without an end in sight.
    """
    if value is None or isinstance(value, Blank | Empty):
        return []
    if isinstance(value, range):
        check_items(len(value))
        return list(value)
    if isinstance(value, list | tuple):
        return _flat(value)
    return [value]


def property_of(item: object, name: object) -> object:
    """What `item[name]` is; nothing where there is no such thing."""
    if isinstance(item, Mapping):
        return item.get(name) if isinstance(name, str) else None
    if isinstance(item, str) and isinstance(name, str):
        return name if name in item else None
    return None


def is_true(value: object) -> bool:
    """Whether a condition holds: all but nothing and `false` do."""
    return value is not None and value is not False


def is_empty(value: object) -> bool:
    """Whether a value equals `empty`."""
    return isinstance(value, str | list | tuple | Mapping) and not value


def is_blank(value: object) -> bool:
    """Whether a value equals `blank`, as where Rails is loaded."""
    if isinstance(value, str):
        return not value or value.isspace()
    return not is_true(value) or is_empty(value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, range):
        return f"{value.start}..{value.stop - 1}"
    if isinstance(value, datetime):
        zone = "UTC" if value.tzname() == "UTC" else value.strftime("%z")
        return f"{value:%Y-%m-%d %H:%M:%S} {zone}".rstrip()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _float(value: float) -> str:
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = str(value) if value == value else "NaN"
    digits, power, exponent = text.partition("e")
    return f"{digits}.0e{exponent}" if power and "." not in digits else text


def _inspect(value: object) -> str:
    """A value as Ruby's `inspect` writes it, which stands for lists and objects as texts."""
    if value is None:
        return "nil"
    if isinstance(value, str):
        return json.dumps(str(value), ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inspect, value))}]"
    if isinstance(value, Mapping):
        pairs = (f"{_inspect(name)}=>{_inspect(each)}" for name, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    return _plain(value)


def _joined(values: Sequence[object]) -> str:
    return "".join(map(to_shown, values))


def _has_markup(values: Sequence[object]) -> bool:
    return any(
        isinstance(each, Markup) or (isinstance(each, list | tuple) and _has_markup(each))
        for each in values
    )


def _flat(values: Sequence[object]) -> list[object]:
    found: list[object] = []
    for each in values:
        if isinstance(each, list | tuple):
            found += _flat(each)
        else:
            found.append(each)
    return found


def _decimal(value: float) -> Decimal:
    if not math.isfinite(value):
        raise ValueError("This is no number.")
    return Decimal(repr(value))
