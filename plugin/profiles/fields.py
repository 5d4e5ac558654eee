"""Fields: what was said of a shopper, when and by whom; for each field the newest word wins.

In: words about a field. Out: rows of `profile` that hold the winning ones. Whatever the order in
which words come, and however often, the row ends up the same: so two profiles can be folded into
one, and the one into two again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from plugin.facts import Person

FIELDS = ("email", "phone", "first_name", "last_name", "locale", "country", "timezone")
PROPERTY = "properties."
# What a form's sender says of a shopper whom nothing shows her to be: every other word is better.
UNPROVEN = "unproven"
MERCHANT = "merchant"

Row = dict[str, Any]


class Word(NamedTuple):
    """What somebody said about a field, and when.

    `at` is ISO 8601 in UTC with microseconds, which sorts as the moments do; "" when nobody knows
    any more.
    """

    value: Any
    at: str
    source: str


def describe(row: Row, person: Person) -> None:
    """Write what a fact says of a person into a row of hers."""
    fold(row, said(person))
    row["created_at"] = min(row["created_at"], person.at)
    row["seen_at"] = person.at if row["seen_at"] is None else max(row["seen_at"], person.at)


def said(person: Person) -> dict[str, Word]:
    """What a fact says of a person, by field."""
    at = _moment(person.at)
    values = {**person.fields, **{PROPERTY + k: v for k, v in person.properties.items()}}
    return {name: Word(value, at, person.source) for name, value in values.items()}


def absorb(row: Row, other: Row) -> None:
    """Write everything that another row says into this one."""
    fold(row, words(other))
    row["created_at"] = min(row["created_at"], other["created_at"])
    row["seen_at"] = max(row["seen_at"], other["seen_at"])


def fold(row: Row, told: Mapping[str, Word]) -> None:
    """Write words into a profile's row, each where it weighs more than what the row has.

    Of two words of the same moment the greater one wins, so that any order gives the same row.
    None is a word as well, by which a merchant clears a field: it keeps its time and source, so
    that nothing older fills the field again.
    """
    if not told:
        return
    for name in ("properties", "field_times", "field_sources"):
        row[name] = dict(row[name])
    times, sources = row["field_times"], row["field_sources"]
    for name, word in told.items():
        place, key = _place(row, name)
        held, at = place.get(key), times.get(name)
        unsaid = at is None and held is None
        if unsaid or _outweighs(word, held, at or "", sources.get(name, "")):
            place[key], times[name], sources[name] = word


def words(row: Row) -> dict[str, Word]:
    """Everything that a row says, by field."""
    names = (*FIELDS, *(PROPERTY + name for name in row["properties"]))
    return {name: word for name in names if (word := _word(row, name)) is not None}


def own(row: Row) -> dict[str, Any]:
    """A row's words and days as JSON, for `Origin.own`."""
    kept = {name: row[name] for name in (*FIELDS, "properties", "field_times", "field_sources")}
    days = {name: row[name].isoformat() for name in ("created_at", "seen_at")}
    return {**kept, **days}


def read_own(kept: Mapping[str, Any]) -> Row:
    """The words and days of an `Origin.own`."""
    days = {name: datetime.fromisoformat(kept[name]) for name in ("created_at", "seen_at")}
    return {**kept, **days}


def _word(row: Row, name: str) -> Word | None:
    place, key = _place(row, name)
    held, at = place.get(key), row["field_times"].get(name)
    if at is None and held is None:
        return None  # nobody has said anything
    return Word(held, at or "", row["field_sources"].get(name, ""))


def _place(row: Row, name: str) -> tuple[Row, str]:
    if name.startswith(PROPERTY):
        return row["properties"], name.removeprefix(PROPERTY)
    return row, name


def _outweighs(word: Word, value: Any, at: str, source: str) -> bool:
    if word.at != at and UNPROVEN not in (word.source, source):
        return word.at > at  # as a rule, and a third of the work
    return _weight(word) > _weight(Word(value, at, source))


def _weight(word: Word) -> tuple[bool, str, str, str]:
    return (word.source != UNPROVEN, word.at, repr(word.value), word.source)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
