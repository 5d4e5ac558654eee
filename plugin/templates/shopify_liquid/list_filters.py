"""Filters of lists. A value that is no list is a list of one, and nothing is an empty one."""

import functools
from collections.abc import Mapping
from decimal import Decimal

from markupsafe import Markup

from plugin.money import currency_of, in_currency
from plugin.templates.shopify_liquid.comparisons import are_equal, is_less, kind_of
from plugin.templates.shopify_liquid.limits import check_length
from plugin.templates.shopify_liquid.values import (
    is_empty,
    is_true,
    property_of,
    to_items,
    to_number,
    to_result,
    to_shown,
    to_text,
)


def size(value: object) -> int:
    """`size`: of a text, a list or an object."""
    return len(value) if isinstance(value, str | list | tuple | range | Mapping) else 0


def default(value: object, other: object = "", *, allow_false: object = False) -> object:
    """`default`: another value in place of nothing, `false` and what is empty."""
    if value is False and is_true(allow_false):
        return value
    return value if is_true(value) and not is_empty(value) else other


def join(value: object, glue: object = " ") -> str:
    """`join`."""
    texts, between = [to_text(each) for each in to_items(value)], to_text(glue)
    check_length(sum(map(len, texts)) + len(between) * len(texts))
    has_markup = any(isinstance(each, Markup) for each in (between, *texts))
    return Markup(between).join(texts) if has_markup else between.join(texts)


def first(value: object) -> object:
    """`first`."""
    if isinstance(value, Mapping):
        return list(next(iter(value.items()))) if value else None
    return value[0] if isinstance(value, list | tuple | range) and value else None


def last(value: object) -> object:
    """`last`."""
    return value[-1] if isinstance(value, list | tuple | range) and value else None


def concat(value: object, other: object) -> list[object]:
    """`concat`: another list's items after these; nothing adds nothing.

    Raises:
        TypeError: the other is no list.
    """
    if other is not None and not isinstance(other, list | tuple | range):
        raise TypeError("concat needs a list")
    return [*to_items(value), *(to_items(other) if isinstance(other, range) else other or [])]


def map_(value: object, name: object) -> list[object]:
    """`map`: one property of each."""
    return [property_of(each, to_text(name)) for each in to_items(value)]


def reverse(value: object) -> list[object]:
    """`reverse`."""
    return to_items(value)[::-1]


def sort(value: object, name: object = None) -> list[object]:
    """`sort`: what is nothing comes last.

    Raises:
        TypeError: values of several kinds have no order.
    """
    keyed = [(_key(each, name), each) for each in to_items(value)]
    return [each for _, each in sorted(keyed, key=functools.cmp_to_key(_compare_keyed))]


def sort_natural(value: object, name: object = None) -> list[object]:
    """`sort_natural`: as texts, large letters as small ones; what is nothing comes last."""

    def order(each: object) -> tuple[bool, bytes]:
        key = _key(each, name)
        return key is None, to_text(key).encode(errors="replace").lower()

    return sorted(to_items(value), key=order)


def where(value: object, name: object, target: object = None) -> list[object]:
    """`where`: the items with this property, or with this value of it."""
    return [each for each in to_items(value) if _has(each, name, target)]


def reject(value: object, name: object, target: object = None) -> list[object]:
    """`reject`: the items that `where` leaves out."""
    return [each for each in to_items(value) if not _has(each, name, target)]


def find(value: object, name: object, target: object = None) -> object:
    """`find`: the first item of `where`."""
    return next((each for each in to_items(value) if _has(each, name, target)), None)


def find_index(value: object, name: object, target: object = None) -> int | None:
    """`find_index`: where the first item of `where` stands."""
    found = (at for at, each in enumerate(to_items(value)) if _has(each, name, target))
    return next(found, None)


def has(value: object, name: object, target: object = None) -> bool:
    """`has`: whether `where` finds any."""
    return any(_has(each, name, target) for each in to_items(value))


def uniq(value: object, name: object = None) -> list[object]:
    """`uniq`: each value once, or each value of a property."""
    found: dict[object, object] = {}
    for each in to_items(value):
        found.setdefault(_identity(_key(each, name)), each)
    return list(found.values())


def compact(value: object, name: object = None) -> list[object]:
    """`compact`: without what is nothing, or has nothing there."""
    return [each for each in to_items(value) if _key(each, name) is not None]


def sum_(value: object, name: object = None) -> int | float:
    """`sum`: of the items, or of a property of theirs."""
    parts = [_key(each, name) for each in to_items(value)]
    total: int | Decimal = 0
    for part in parts:
        total += to_number(part)
    found = to_result(total)
    known = {code for code in map(currency_of, parts) if code}
    return in_currency(found, *known) if len(known) == 1 else found


def _key(item: object, name: object) -> object:
    return item if name is None else property_of(item, to_text(name))


def _has(item: object, name: object, target: object) -> bool:
    found = property_of(item, to_text(name))
    return is_true(found) if target is None else are_equal(found, target)


def _compare_keyed(left: tuple[object, object], right: tuple[object, object]) -> int:
    (a, _), (b, _) = left, right
    if a is None or b is None:
        return (a is None) - (b is None)
    if kind_of(a) == kind_of(b) is not None:
        return is_less(b, a) - is_less(a, b)
    if are_equal(a, b):
        return 0
    raise TypeError("These have no order.")


def _identity(value: object) -> object:
    """What makes a value the same as another: 1, 1.0 and true are three."""
    if isinstance(value, list | tuple):
        return "list", tuple(map(_identity, value))
    if isinstance(value, Mapping):
        return "object", frozenset((name, _identity(each)) for name, each in value.items())
    return ("text", str(value)) if isinstance(value, str) else (type(value), to_shown(value))
