"""Coerce a reported property to the type that its definition gives it.

A value that does not fit its property's type is kept as it was reported, and marked where it is
shown (`is_valid`). Only a merchant clears a value: an empty value of any other source is ignored. A
form's questions define their properties by themselves.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from math import isfinite
from typing import Any

from sqlmodel import Session

from plugin import clock
from plugin.errors import RegularsError
from plugin.facts import TAG_PREFIX, ProfileFact
from storage import properties
from storage.engine import db
from storage.engine.ids import new_id
from storage.profiles import DataSource
from storage.properties import PropertyDefinition, PropertyOption, PropertyType

MAX_NAME_CHARS, MAX_VALUE_CHARS = 100, 2_000  # characters of a name and of a value
MAX_PROPERTIES, MAX_OPTIONS = 500, 200  # properties of a shop, values of one
YES = frozenset(("true", "yes", "y", "1", "on", "是", "对", "ja", "oui", "si", "sí"))
NO = frozenset(("false", "no", "n", "0", "off", "否", "不是", "nein", "non"))
DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?")
KINDS = {  # of a form's blocks
    "radio_buttons": PropertyType.CHOICE,
    "dropdown": PropertyType.CHOICE,
    "checkboxes": PropertyType.CHOICES,
    "date": PropertyType.DATE,
    "text_input": PropertyType.TEXT,
}


class PropertyTypeError(Exception):
    """A value is none of its property's type."""


def coerce_profiles(session: Session, shop_id: int, people: Sequence[ProfileFact]) -> None:
    """Coerce the properties of facts to the types of the shop's definitions."""
    with_properties = [
        p for p in people if any(not name.startswith(TAG_PREFIX) for name in p.properties)
    ]
    if not with_properties:
        return
    known = properties.definitions_of(session, shop_id)
    if not known:
        return
    for person in with_properties:
        typed = {
            name: coerce_value(known[name], value) if name in known else value
            for name, value in person.properties.items()
        }
        clears = person.source == DataSource.MERCHANT
        person.properties = {n: value for n, value in typed.items() if clears or value is not None}


def coerce_value(definition: PropertyDefinition, value: Any) -> Any:
    """Return a value in its property's type; unchanged if it does not fit."""
    try:
        return parse_value(definition, value)
    except PropertyTypeError:
        return value


def is_valid(definition: PropertyDefinition, value: Any) -> bool:
    """Whether a value is of its property's type."""
    try:
        parse_value(definition, value)
    except PropertyTypeError:
        return False
    return True


def parse_value(definition: PropertyDefinition, value: Any) -> Any:
    """A value of the property's type; None stays nothing.

    Raises:
        PropertyTypeError: it is of another.
    """
    if value is None or value == "":
        return None
    if definition.type == PropertyType.NUMBER:
        return _number(value)
    if definition.type == PropertyType.DATE:
        return _day(value)
    if definition.type == PropertyType.BOOLEAN:
        return _flag(value)
    if definition.type == PropertyType.CHOICE:
        return _option(definition, value)
    if definition.type == PropertyType.CHOICES:
        parts = value if isinstance(value, list) else re.split(r"[;,、\n]", str(value))
        found = [_option(definition, part) for part in parts if str(part).strip()]
        return list(dict.fromkeys(found)) or None
    if isinstance(value, list | dict):
        raise PropertyTypeError
    return str(value)


def define_from_form(
    session: Session,
    shop_id: int,
    blocks: Sequence[Mapping[str, object]],
    translations: dict[str, dict[str, str]],
) -> None:
    """Define a form's questions as properties, with their labels and values.

    What a merchant has created or changed is left as it is: a value that they removed does not come
    back with the next form. A shopper who gives it is still recorded: the answer is kept and marked
    (`is_valid`), until the merchant lists it. Only a choice without any values takes the form's.
    """
    known = properties.definitions_of(session, shop_id)
    for block in blocks:
        found = block.get("properties")
        about = found if isinstance(found, dict) else {}
        name, kind = about.get("property_name"), KINDS.get(str(block.get("type")))
        if kind is None or not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARS:
            continue
        if name not in known and len(known) >= MAX_PROPERTIES:
            continue
        held = known.get(name) or PropertyDefinition(
            shop_id=shop_id, id=new_id(), name=name, type=kind, source=DataSource.FORM,
            updated_at=clock.now(),
        )  # fmt: skip
        known[name] = held
        before = (held.labels, held.options)
        if held.source == DataSource.MERCHANT and (
            held.options or held.type not in (PropertyType.CHOICE, PropertyType.CHOICES)
        ):
            continue
        held.labels = _words(str(about.get("label") or name), translations) | held.labels
        have = {str(option["value"]) for option in held.options}
        new: list[PropertyOption] = [
            {"value": str(o["value"]), "labels": _words(str(o["label"]), translations)}
            for o in about.get("options") or []
            if str(o["value"]) not in have
        ]
        held.options = [*held.options, *new][:MAX_OPTIONS]
        if (held.labels, held.options) != before:
            held.updated_at = clock.now()
        session.add(held)


def save_definition(
    shop_id: int,
    definition_id: int | None,
    name: str,
    kind: str,
    *,
    labels: dict[str, str],
    options: list[PropertyOption],
    seen: datetime | None = None,
) -> int:
    """Create a property, or change the type, labels and values of one, not its name.

    Args:
        seen: the `updated_at` that the merchant's page showed, where it may have changed since.

    Raises:
        RegularsError: 404 for no such property, 409 for one that has changed since it was seen,
            422 for an invalid one.
    """
    name = " ".join(name.split())
    if kind not in set(PropertyType) or len(options) > MAX_OPTIONS:
        raise RegularsError("Unknown property type.", 422)
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        known = properties.definitions_of(session, shop_id)
        if definition_id is not None:
            held = properties.get_definition(session, shop_id, definition_id)
            if held is None:
                raise RegularsError("Property not found.", 404)
            if seen is not None and held.updated_at != seen:
                raise RegularsError("This property changed after you opened it.", 409)
        else:
            wrong = not name or len(name) > MAX_NAME_CHARS or not name.isprintable()
            if (
                wrong
                or name.startswith(TAG_PREFIX)
                or name in known
                or len(known) >= MAX_PROPERTIES
            ):
                raise RegularsError(
                    "Enter a name of 1 to 100 characters that no other property has.", 422
                )
            held = PropertyDefinition(
                shop_id=shop_id, id=new_id(), name=name, updated_at=clock.now()
            )
        held.type, held.labels, held.options = PropertyType(kind), labels, options
        held.source, held.updated_at = DataSource.MERCHANT, clock.now()
        session.add(held)
        return held.id


def _words(label: str, translations: dict[str, dict[str, str]]) -> dict[str, str]:
    return {"": label, **{at: texts[label] for at, texts in translations.items() if label in texts}}


def _number(value: Any) -> int | float:
    if isinstance(value, bool):
        raise PropertyTypeError
    try:
        found = float(str(value).strip().replace(" ", "").replace("\u00a0", ""))
    except ValueError:
        raise PropertyTypeError from None
    if not isfinite(found) or abs(found) >= 2**53:
        raise PropertyTypeError
    return int(found) if found.is_integer() else found


def _day(value: Any) -> str:
    found = DAY.fullmatch(str(value).strip())
    try:
        if found is None:
            raise ValueError
        year, month, day = map(int, found.groups())
        return date(year, month, day).isoformat()
    except ValueError:
        raise PropertyTypeError from None


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().casefold()
    if text in YES or text in NO:
        return text in YES
    raise PropertyTypeError


def _option(definition: PropertyDefinition, value: Any) -> str:
    """Return the option that a value names, by itself or by a label in any language."""
    text = str(value).strip()
    options = {str(option["value"]): option["labels"] for option in definition.options}
    if text in options:
        return text
    folded = text.casefold()
    for each, labels in options.items():
        if folded in {each.casefold(), *(words.casefold() for words in labels.values())}:
            return each
    raise PropertyTypeError
