"""Filters of numbers. A decimal number is reckoned by its digits, as Ruby's BigDecimal does.

What is reckoned with an amount of money is one of the same currency.
"""

import math
import operator
from collections.abc import Callable
from decimal import Decimal
from functools import wraps

from plugin.money import currency_of, in_currency
from plugin.templates.shopify_liquid.values import round_half_up, to_number, to_result

MAX_DIGITS = 300  # after the point, or zeros before it: more than any float has

Number = int | Decimal
Filter = Callable[..., int | float]


def _keeps_currency(reckon: Filter) -> Filter:
    """Let `price | times: 2` be an amount, as the price is; what two currencies make is none."""

    @wraps(reckon)
    def kept(*values: object) -> int | float:
        found = reckon(*values)
        known = {code for code in map(currency_of, values) if code}
        return in_currency(found, *known) if len(known) == 1 else found

    return kept


@_keeps_currency
def absolute(value: object) -> int | float:
    """`abs`."""
    number = to_number(value)
    return to_result(-number if number < 0 else number)


@_keeps_currency
def at_least(value: object, least: object) -> int | float:
    """`at_least`: the larger of the two."""
    number, bound = to_number(value), to_number(least)
    return to_result(bound if bound > number else number)


@_keeps_currency
def at_most(value: object, most: object) -> int | float:
    """`at_most`: the smaller of the two."""
    number, bound = to_number(value), to_number(most)
    return to_result(bound if bound < number else number)


@_keeps_currency
def ceil(value: object) -> int | float:
    """`ceil`."""
    return to_result(math.ceil(to_number(value)))


@_keeps_currency
def floor(value: object) -> int | float:
    """`floor`."""
    return to_result(math.floor(to_number(value)))


@_keeps_currency
def round_(value: object, digits: object = 0) -> int | float:
    """`round`: a half goes away from zero; a negative number of digits rounds to tens."""
    number, places = to_number(value), int(to_number(digits))
    if isinstance(number, int) and places >= 0:
        return to_result(number)
    if places > MAX_DIGITS:
        return to_result(number)
    if places < -MAX_DIGITS:
        return 0
    rounded = round_half_up(Decimal(number), places)
    return to_result(int(rounded) if places == 0 or isinstance(number, int) else rounded)


@_keeps_currency
def plus(value: object, other: object) -> int | float:
    """`plus`."""
    return _calculate(value, other, operator.add)


@_keeps_currency
def minus(value: object, other: object) -> int | float:
    """`minus`."""
    return _calculate(value, other, operator.sub)


@_keeps_currency
def times(value: object, other: object) -> int | float:
    """`times`."""
    return _calculate(value, other, operator.mul)


def divided_by(value: object, other: object) -> int | float:
    """`divided_by`: whole numbers give a whole one, rounded down. Of two amounts it is a ratio."""
    found = _calculate(value, other, _divide)
    code = "" if currency_of(other) else currency_of(value)
    return in_currency(found, code) if code else found


def modulo(value: object, other: object) -> int | float:
    """`modulo`: the rest has the sign of what is divided by."""
    return _calculate(value, other, _rest)


def _calculate(
    value: object, other: object, reckon: Callable[[Number, Number], Number]
) -> int | float:
    left, right = to_number(value), to_number(other)
    to_result(left), to_result(right)  # no sum of numbers that are too large is begun
    return to_result(reckon(left, right))


def _divide(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    return Decimal(left) / Decimal(right)


def _rest(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int):
        return left % right
    rest = Decimal(left) % Decimal(right)
    return rest + Decimal(right) if rest and (rest < 0) != (right < 0) else rest
