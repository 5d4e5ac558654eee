"""Answers: a profile's properties come in, questions and answers in the forms' words go out."""

from typing import Any

from sqlmodel import Session

from plugin.forms.definition import blocks
from plugin.people.tags import PREFIX
from storage import forms

MOST = 60  # properties on one page


def told(session: Session, shop_id: int, properties: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(question, answer, whether a form asked it), with the words that the shopper saw; no tags."""
    asked = _questions(session, shop_id)
    found = []
    plain = {name: value for name, value in properties.items() if not name.startswith(PREFIX)}
    for name, value in sorted(plain.items())[:MOST]:
        label, options = asked.get(name, (name, {}))
        values = value if isinstance(value, list) else [value]
        said = ", ".join(options.get(str(v), str(v)) for v in values)
        found.append((label, said[:500], name in asked))
    return found


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
