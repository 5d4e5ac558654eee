"""Values that a JSON Schema allows, as far as the schemas of our tests have words."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

# What definitions name more often than chance would: ids, metrics, and what is none.
TEXTS = (
    "1", "2", "3", "Placed Order", "Checkout Started", "Viewed Product", "Xy12Ab", "", "\x00",
    "$value", "$event_id", "source", "profile", "care@dewpoint.example",
)  # fmt: skip
MOMENTS = ("2026-01-01T00:00:00+00:00", "2025-03-01T12:00:00Z", "0001-01-01T00:00:00+14:00",
           "2026-06-01T00:00:00-07:00", "9999-12-31T23:59:59-12:00")  # fmt: skip
WHOLE = st.one_of(st.integers(0, 3), st.integers(-(2**70), 2**70))

Values = st.SearchStrategy[Any]


def values_of(schema: dict[str, Any]) -> Values:
    """Values that a schema allows."""
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return st.one_of([values_of(each) for each in schema[word]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return KINDS[schema["type"]](schema)


def _text(schema: dict[str, Any]) -> Values:
    match schema.get("format"):
        case "date-time":
            return st.sampled_from(MOMENTS)
        case "time":
            return st.just("09:30:00")
        case _:
            return st.one_of(st.sampled_from(TEXTS), st.text(max_size=20))


def _record(schema: dict[str, Any]) -> Values:
    fields = {name: values_of(each) for name, each in schema["properties"].items()}
    needed: Sequence[str] = schema.get("required", ())
    return st.fixed_dictionaries(
        {name: fields[name] for name in needed},
        optional={name: each for name, each in fields.items() if name not in needed},
    )


KINDS = {
    "object": _record,
    "array": lambda schema: st.lists(values_of(schema["items"]), max_size=2),
    "string": _text,
    "integer": lambda schema: WHOLE,
    "number": lambda schema: st.one_of(WHOLE, st.floats(allow_nan=False, allow_infinity=False)),
    "boolean": lambda schema: st.booleans(),
    "null": lambda schema: st.none(),
}
