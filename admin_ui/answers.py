"""Answers: a profile's properties come in, questions and answers in the forms' words go out."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from plugin.forms.definition import blocks
from plugin.people.fields import PROPERTY
from plugin.shopify.normalise.customer_changes import TAG
from storage import forms
from storage.profiles import Profile

MOST = 60  # properties on one page


@dataclass(frozen=True)
class Answer:
    """A property in words, with where it came from and when; "" and None where nobody knows."""

    label: str
    value: str
    source: str
    at: datetime | None


def told(session: Session, shop_id: int, profile: Profile) -> list[Answer]:
    """A profile's properties, in the words that the shopper saw where a form asked; no tags."""
    asked = _questions(session, shop_id)
    plain = {name: v for name, v in profile.properties.items() if not name.startswith(TAG)}
    found = []
    for name, value in sorted(plain.items())[:MOST]:
        label, options = asked.get(name, (name, {}))
        values = value if isinstance(value, list) else [value]
        said = ", ".join(options.get(str(v), str(v)) for v in values)
        source, at = where_from(profile, PROPERTY + name)
        found.append(Answer(label, said[:500], source, at))
    return found


def where_from(profile: Profile, name: str) -> tuple[str, datetime | None]:
    """Who last said a field, and when."""
    at = profile.field_times.get(name)
    return profile.field_sources.get(name, ""), datetime.fromisoformat(at) if at else None


def _questions(session: Session, shop_id: int) -> dict[str, tuple[str, dict[str, str]]]:
    asked: dict[str, tuple[str, dict[str, str]]] = {}
    for form in forms.forms_of(session, shop_id):
        version = forms.get_form_version(session, shop_id, form.id, form.version)
        for block in blocks(version.definition) if version else ():
            about = block.get("properties") or {}
            if about.get("options") and about.get("property_name"):
                options = {str(o["value"]): str(o["label"]) for o in about["options"]}
                name = str(about["property_name"])
                asked[name] = (str(about.get("label") or name), options)
    return asked
