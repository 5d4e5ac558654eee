"""Property filters: whether one property of an event is what a condition asks for.

What is not there, or of another type, is not equal to anything: only `not-…` holds for it.
"""

from abc import abstractmethod
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from plugin.flows.fields import Shape, Text

MAX_VALUES = 1_000  # of a list that a property is compared with
Number = int | float
Values = Annotated[list[Text], Field(max_length=MAX_VALUES)]

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "equals": lambda a, b: a == b,
    "not-equals": lambda a, b: a != b,
    "greater-than": lambda a, b: a > b,
    "greater-than-or-equal": lambda a, b: a >= b,
    "less-than": lambda a, b: a < b,
    "less-than-or-equal": lambda a, b: a <= b,
}
TEXT: dict[str, Callable[[str, str], bool]] = {
    "equals": str.__eq__,
    "contains": str.__contains__,
    "starts-with": str.startswith,
    "ends-with": str.endswith,
}
SETS: dict[str, Callable[[Collection[Any], Collection[str]], bool]] = {
    "contains-all": lambda held, wanted: all(each in held for each in wanted),
    "contains-any": lambda held, wanted: any(each in held for each in wanted),
}


class PropertyFilter(Shape):
    """What a property has to be."""

    @abstractmethod
    def holds(self, value: object) -> bool:
        """Whether a value is that; None is a property that is not there."""

    def in_capitals(self) -> Self:
        """Return the same filter with its texts in capitals, for values where case is nothing."""
        return self.model_copy(
            update={"value": to_capitals(self.value)} if hasattr(self, "value") else {}
        )


class TextFilter(PropertyFilter):
    """Compares a text, letter by letter."""

    type: Literal["string"]
    operator: Literal[
        "equals", "not-equals", "contains", "not-contains",
        "starts-with", "not-starts-with", "ends-with", "not-ends-with",
    ]  # fmt: skip
    value: Text

    def holds(self, value: object) -> bool:
        """Whether the text is so."""
        name = self.operator.removeprefix("not-")
        is_so = isinstance(value, str) and TEXT[name](value, self.value)
        return is_so == (name == self.operator)


class TextInFilter(PropertyFilter):
    """Whether a text is one of several."""

    type: Literal["string"]
    operator: Literal["in", "not-in"]
    value: Values

    def holds(self, value: object) -> bool:
        """Whether the text is among them."""
        return (value in self.value) == (self.operator == "in")


class NumberFilter(PropertyFilter):
    """Compares a number."""

    type: Literal["numeric"]
    operator: Literal[
        "equals", "not-equals", "greater-than", "greater-than-or-equal",
        "less-than", "less-than-or-equal",
    ]  # fmt: skip
    value: Number

    def holds(self, value: object) -> bool:
        """Whether the number is so."""
        if (number := as_number(value)) is None:
            return self.operator == "not-equals"
        return COMPARE[self.operator](number, as_number(self.value))


class NumberRangeFilter(PropertyFilter):
    """Whether a number is between two others, both included."""

    type: Literal["numeric"]
    operator: Literal["between"]
    start: Number
    end: Number

    @model_validator(mode="after")
    def _check_order(self) -> "NumberRangeFilter":
        if self.start > self.end:
            raise ValueError("has a start above its end")
        return self

    def holds(self, value: object) -> bool:
        """Whether the number is between them."""
        number = as_number(value)
        return number is not None and Decimal(str(self.start)) <= number <= Decimal(str(self.end))


class BooleanFilter(PropertyFilter):
    """Whether something is true, or false."""

    type: Literal["boolean"]
    operator: Literal["equals"]
    value: bool

    def holds(self, value: object) -> bool:
        """Whether it is that."""
        return value is self.value


class ExistenceFilter(PropertyFilter):
    """Whether a property is there."""

    type: Literal["existence"]
    operator: Literal["is-set", "not-set"]

    def holds(self, value: object) -> bool:
        """Whether it is."""
        return (value is not None) == (self.operator == "is-set")


class ListContainsFilter(PropertyFilter):
    """Whether a list holds a value."""

    type: Literal["list"]
    operator: Literal["contains", "not-contains"]
    value: int | Text

    def holds(self, value: object) -> bool:
        """Whether it does."""
        held = isinstance(value, list) and any(
            each == self.value and not isinstance(each, bool) for each in value
        )
        return held == (self.operator == "contains")


class ListSubstringFilter(PropertyFilter):
    """Whether a text of a list contains another."""

    type: Literal["list"]
    operator: Literal["contains-substring", "not-contains-substring"]
    value: Text

    def holds(self, value: object) -> bool:
        """Whether one does."""
        held = isinstance(value, list) and any(
            isinstance(each, str) and self.value in each for each in value
        )
        return held == (self.operator == "contains-substring")


class ListSetFilter(PropertyFilter):
    """Whether a list holds all, or any, of several texts."""

    type: Literal["list"]
    operator: Literal["contains-all", "contains-any", "not-contains-all", "not-contains-any"]
    value: Values

    def holds(self, value: object) -> bool:
        """Whether it does."""
        name = self.operator.removeprefix("not-")
        held = isinstance(value, list) and SETS[name](value, self.value)
        return held == (name == self.operator)


class ListLengthFilter(PropertyFilter):
    """Compares how long a list is."""

    type: Literal["list"]
    operator: Literal[
        "length-equals", "length-greater-than", "length-greater-than-or-equal",
        "length-less-than", "length-less-than-or-equal",
    ]  # fmt: skip
    value: int

    def holds(self, value: object) -> bool:
        """Whether it is so long."""
        compare = COMPARE[self.operator.removeprefix("length-")]
        return isinstance(value, list) and compare(len(value), self.value)


def to_capitals(value: object) -> object:
    """Return a text, or the texts of a list, in capitals; anything else as it is."""
    if isinstance(value, list):
        return [to_capitals(each) for each in value]
    return value.strip().upper() if isinstance(value, str) else value


def as_number(value: object) -> Decimal | None:
    """Return a number of a property exactly, or None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return Decimal(str(value))


Texts = Annotated[TextFilter | TextInFilter, Field(discriminator="operator")]
# Of an event that starts a flow, and of events that are counted: Klaviyo offers each its own.
TriggerPropertyFilter = Annotated[
    Texts
    | Annotated[NumberFilter | NumberRangeFilter, Field(discriminator="operator")]
    | BooleanFilter
    | Annotated[ListContainsFilter | ListLengthFilter, Field(discriminator="operator")]
    | ExistenceFilter,
    Field(discriminator="type"),
]
CountedPropertyFilter = Annotated[
    Texts
    | NumberFilter
    | BooleanFilter
    | Annotated[
        ListSetFilter | ListLengthFilter | ListSubstringFilter, Field(discriminator="operator")
    ]
    | ExistenceFilter,
    Field(discriminator="type"),
]
