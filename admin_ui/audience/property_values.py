"""Show a profile's properties with their labels and values."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from admin_ui.kit.language import Language
from plugin.facts import TAG_PREFIX
from plugin.profiles import properties as profile_properties
from plugin.profiles.fields import PROPERTY
from storage import properties
from storage.profiles import Profile
from storage.properties import PropertyDefinition, PropertyType

MAX_VALUES_SHOWN = 60  # properties on one page


@dataclass(frozen=True)
class PropertyValue:
    """A property as text, with its source and time; "" and None where unknown."""

    label: str
    value: str
    source: str
    at: datetime | None
    fits: bool  # it is of the property's type


def list_values(
    session: Session, shop_id: int, profile: Profile, say: Language
) -> list[PropertyValue]:
    """A profile's properties in the merchant's language; no tags."""
    known = properties.definitions_of(session, shop_id)
    plain = {name: v for name, v in profile.properties.items() if not name.startswith(TAG_PREFIX)}
    found = []
    for name, value in sorted(plain.items())[:MAX_VALUES_SHOWN]:
        source, at = where_from(profile, PROPERTY + name)
        about = known.get(name)
        words, fits = in_words(about, value, say)
        label = properties.translated_label(about.labels, say.tag, name) if about else name
        found.append(PropertyValue(label, words[:500], source, at, fits))
    return found


def in_words(about: PropertyDefinition | None, value: Any, say: Language) -> tuple[str, bool]:
    """A value as the merchant reads it, and whether it fits its property's type."""
    if value is None:
        return "", True
    if about is None or not profile_properties.is_valid(about, value):
        many = value if isinstance(value, list) else [value]
        return ", ".join(str(each) for each in many), about is None
    held = profile_properties.coerce_value(about, value)
    if held is None:
        return "", True
    if about.type == PropertyType.BOOLEAN:
        return say.text("Yes") if held else say.text("No"), True
    if about.type == PropertyType.DATE:
        return say.long_day(date.fromisoformat(held)), True
    if about.type == PropertyType.NUMBER:
        return say.number(held), True
    options = dict(properties.options_of(about, say.tag))
    many = held if isinstance(held, list) else [held]
    return say.listing([options.get(str(each), str(each)) for each in many]), True


def where_from(profile: Profile, name: str) -> tuple[str, datetime | None]:
    """Return the source and time of a field."""
    at = profile.field_times.get(name)
    return profile.field_sources.get(name, ""), datetime.fromisoformat(at) if at else None
