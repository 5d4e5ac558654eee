"""Resolve a profile's fields from facts with a time and a source; for each field the newest wins.

The result is the same in any order of the facts and after any repetition: so two profiles can be
merged into one, and the one split into two again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple, cast

from plugin.facts import ProfileFact
from storage.profiles import DataSource, OwnValues, ProfileRow, ProfileValues

FIELDS = ("email", "phone", "first_name", "last_name", "locale", "country", "timezone")
PROPERTY = "properties."
NEVER = datetime.min.replace(tzinfo=UTC)


class FieldValue(NamedTuple):
    """A field's reported value and its time.

    `at` is ISO 8601 in UTC with microseconds, which sorts as the moments do; "" if it is unknown.
    """

    value: object
    at: str
    source: str


def new_row(shop_id: int, profile_id: int, at: datetime) -> ProfileRow:
    """Return the row of a profile of which nothing is known yet."""
    return {
        "shop_id": shop_id, "id": profile_id, "email": None, "phone": None, "first_name": None,
        "last_name": None, "locale": None, "country": None, "timezone": None, "properties": {},
        "field_times": {}, "field_sources": {}, "created_at": at, "last_active_at": NEVER,
    }  # fmt: skip


def apply_fact(row: ProfileValues, person: ProfileFact) -> bool:
    """Write the fields of a fact into the row of its profile; return whether any is news."""
    is_new = apply_values(row, values_of(person))
    at = person.reported_at
    if at < row["created_at"]:
        row["created_at"], is_new = at, True
    if at > row["last_active_at"]:
        row["last_active_at"], is_new = at, True
    return is_new


def values_of(person: ProfileFact) -> dict[str, FieldValue]:
    """What a fact says of a person, by field."""
    at = _moment(person.reported_at)
    source = person.source
    values = {name: FieldValue(value, at, source) for name, value in person.fields.items()}
    for name, value in person.properties.items():
        values[PROPERTY + name] = FieldValue(value, at, source)
    return values


def merge_row(row: ProfileValues, other: ProfileValues) -> None:
    """Write everything that another row says into this one."""
    apply_values(row, row_values(other))
    row["created_at"] = min(row["created_at"], other["created_at"])
    row["last_active_at"] = max(row["last_active_at"], other["last_active_at"])


def apply_values(row: ProfileValues, told: Mapping[str, FieldValue]) -> bool:
    """Write words into a profile's row, each where it weighs more than what the row has; return
    whether one does.

    Of two words of the same moment the greater one wins, so that any order gives the same row.
    None is a word as well, by which a merchant clears a field: it keeps its time and source, so
    that nothing older fills the field again.
    """
    properties, times, sources = row["properties"], row["field_times"], row["field_sources"]
    columns = cast("dict[str, object]", row)
    newer: list[tuple[str, FieldValue]] = []
    for name, word in told.items():
        place, key = _place(columns, properties, name)
        held, at = place.get(key), times.get(name)
        unsaid = at is None and held is None
        if unsaid or _outweighs(word, held, at or "", sources.get(name, "")):
            newer.append((name, word))
    if not newer:
        return False
    row["properties"] = properties = dict(properties)
    row["field_times"] = times = dict(times)
    row["field_sources"] = sources = dict(sources)
    for name, word in newer:
        place, key = _place(columns, properties, name)
        place[key], times[name], sources[name] = word
    return True


def clear_value(row: ProfileValues, name: str, value: str) -> None:
    """Empty a field that holds this value, as of when it was said."""
    columns = cast("dict[str, object]", row)
    if columns[name] == value:
        columns[name] = None


def row_values(row: ProfileValues) -> dict[str, FieldValue]:
    """Everything that a row says, by field."""
    names = (*FIELDS, *(PROPERTY + name for name in row["properties"]))
    return {name: word for name in names if (word := _word(row, name)) is not None}


def row_without_merges(row: ProfileValues) -> OwnValues:
    """A row's words and days as JSON, for `SourceProfile.own`."""
    return {
        "email": row["email"], "phone": row["phone"], "first_name": row["first_name"],
        "last_name": row["last_name"], "locale": row["locale"], "country": row["country"],
        "timezone": row["timezone"], "properties": row["properties"],
        "field_times": row["field_times"], "field_sources": row["field_sources"],
        "created_at": row["created_at"].isoformat(),
        "last_active_at": row["last_active_at"].isoformat(),
    }  # fmt: skip


def parse_own_values(kept: OwnValues) -> ProfileValues:
    """The words and days of a `SourceProfile.own`."""
    return {
        **kept,
        "created_at": datetime.fromisoformat(kept["created_at"]),
        "last_active_at": datetime.fromisoformat(kept["last_active_at"]),
    }


def _word(row: ProfileValues, name: str) -> FieldValue | None:
    place, key = _place(cast("dict[str, object]", row), row["properties"], name)
    held, at = place.get(key), row["field_times"].get(name)
    if at is None and held is None:
        return None  # no fact sets it
    return FieldValue(held, at or "", row["field_sources"].get(name, ""))


def _place(
    columns: dict[str, object], properties: dict[str, object], name: str
) -> tuple[dict[str, object], str]:
    if name.startswith(PROPERTY):
        return properties, name.removeprefix(PROPERTY)
    return columns, name


def _outweighs(word: FieldValue, value: object, at: str, source: str) -> bool:
    if word.at != at and DataSource.UNPROVEN not in (word.source, source):
        return word.at > at  # as a rule, and a third of the work
    return _weight(word) > _weight(FieldValue(value, at, source))


def _weight(word: FieldValue) -> tuple[bool, str, str, str]:
    return (word.source != DataSource.UNPROVEN, word.at, repr(word.value), word.source)


def _moment(at: datetime) -> str:
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)  # as a rule it is
    return utc.isoformat(timespec="microseconds")
