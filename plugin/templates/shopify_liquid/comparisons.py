"""Compare values of any kinds, as Ruby's Liquid 5.4 does (`Liquid::Condition`).

What cannot be compared, as a text with a number, is false. Ruby writes an error in its place, which
no shopper should read.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal

from liquid import RenderContext, Token
from liquid.builtin.expressions.logical import (
    BooleanExpression,
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalOrExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import Blank, Empty
from liquid.expression import Expression

from plugin.templates.shopify_liquid.context import MailContext
from plugin.templates.shopify_liquid.values import FAULTS, is_blank, is_empty, is_true, to_text


def are_equal(left: object, right: object) -> bool:
    """`left == right`; `blank` and `empty` equal what is so."""
    for literal, other in ((left, right), (right, left)):
        if isinstance(literal, Blank):
            return isinstance(other, Blank) or is_blank(other)
        if isinstance(literal, Empty):
            return isinstance(other, Empty) or is_empty(other)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(are_equal, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(
            are_equal(each, right[name]) for name, each in left.items()
        )
    return left == right


def is_less(left: object, right: object) -> bool:
    """`left < right`, of two values of one kind."""
    kind = kind_of(left)
    return kind is not None and kind == kind_of(right) and left < right  # type: ignore[operator]


def is_less_or_equal(left: object, right: object) -> bool:
    """`left <= right`, of two values of one kind."""
    kind = kind_of(left)
    return kind is not None and kind == kind_of(right) and left <= right  # type: ignore[operator]


def contains(left: object, right: object) -> bool:
    """`left contains right`: a part of a text, an item of a list, a name of an object."""
    if not is_true(left) or not is_true(right):
        return False
    if isinstance(left, str):
        return to_text(right) in left
    if isinstance(left, Mapping):
        return isinstance(right, str) and right in left
    if isinstance(left, range):
        return isinstance(right, int) and right in left
    return isinstance(left, list | tuple) and any(are_equal(each, right) for each in left)


def kind_of(value: object) -> str | None:
    """What a value may be compared with; nothing where there is no order."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, datetime):
        return "moment"
    return "day" if isinstance(value, date) else None


class Comparison(Expression):
    """Two sides and how they are compared."""

    __slots__ = ("compare", "left", "right")

    def __init__(
        self,
        token: Token,
        left: Expression,
        right: Expression,
        compare: Callable[[object, object], bool],
    ) -> None:
        super().__init__(token)
        self.left, self.right, self.compare = left, right, compare

    def evaluate(self, context: RenderContext) -> bool:
        """Whether it holds."""
        assert isinstance(context, MailContext)
        context.check_time()
        try:
            return self.compare(self.left.evaluate(context), self.right.evaluate(context))
        except FAULTS:
            return False

    def children(self) -> list[Expression]:
        """Return both sides."""
        return [self.left, self.right]


class AnyOf(Expression):
    """What stands behind `when`: the values, one of which `case` may equal."""

    __slots__ = ("expressions", "left")

    def __init__(self, token: Token, left: Expression, expressions: list[Expression]) -> None:
        super().__init__(token)
        self.left, self.expressions = left, expressions

    def evaluate(self, context: RenderContext) -> list[bool]:
        """Whether it equals each of them."""
        assert isinstance(context, MailContext)
        context.check_time()
        left = self.left.evaluate(context)
        return [are_equal(left, each.evaluate(context)) for each in self.expressions]

    def children(self) -> list[Expression]:
        """Return the values."""
        return self.expressions


def with_our_comparisons(expression: Expression) -> Expression:
    """A condition as python-liquid reads it, with our comparisons in place of its own."""
    if isinstance(expression, BooleanExpression):
        return BooleanExpression(expression.token, with_our_comparisons(expression.expression))
    if isinstance(expression, LogicalAndExpression | LogicalOrExpression):
        return type(expression)(
            expression.token,
            with_our_comparisons(expression.left),
            with_our_comparisons(expression.right),
        )
    if compare := _COMPARISONS.get(type(expression)):
        return Comparison(expression.token, expression.left, expression.right, compare)  # type: ignore[attr-defined]
    return expression


_COMPARISONS: dict[type[Expression], Callable[[object, object], bool]] = {
    EqExpression: are_equal,
    NeExpression: lambda left, right: not are_equal(left, right),
    LtExpression: is_less,
    GtExpression: lambda left, right: is_less(right, left),
    LeExpression: is_less_or_equal,
    GeExpression: lambda left, right: is_less_or_equal(right, left),
    ContainsExpression: contains,
}
