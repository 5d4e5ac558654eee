"""A profile's properties, each to correct: what the merchant says counts from now on."""

from dataclasses import dataclass, replace

from starlette.responses import Response

from admin_ui.audience import property_values
from admin_ui.kit import words
from admin_ui.kit.language import Language
from admin_ui.kit.request import AdminRequest, missing
from admin_ui.kit.routes import page
from plugin.facts import TAG_PREFIX
from plugin.profiles import corrections
from plugin.profiles.properties import MAX_VALUE_CHARS
from plugin.texts import N_
from plugin.values import without_unstorable
from storage import profiles, properties
from storage.engine import db
from storage.properties import PropertyDefinition, PropertyType

TITLE = N_("Properties")


@dataclass(frozen=True)
class PropertyField:
    """One property as its form shows it."""

    id: str
    name: str
    label: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()  # a value, and what it is called
    several: bool = False
    input: str = "text"
    inputmode: str = "text"
    error: str = ""


@page("/audience/profiles/{profile_id}/properties", title=TITLE, personal=True)
def show(visit: AdminRequest) -> Response:
    """Show the properties of a profile, each in a form."""
    return _page(visit)


@page("/audience/profiles/{profile_id}/properties", title=TITLE, method="POST", personal=True)
def change(visit: AdminRequest) -> Response:
    """Correct a property: `name` and `value`."""
    name = visit.form.get("name", "")
    value = str(without_unstorable(visit.form.get("value", ""))).strip()[:MAX_VALUE_CHARS]
    if corrections.correct_field(visit.shop.id, visit.number("profile_id"), name, value):
        return _page(visit, toast=visit.say.text("Saved"))
    said = visit.say.text("Enter a value of this property's type.")
    return _page(visit, error=said, unfit=name, typed=value, status=422)


def _page(
    visit: AdminRequest,
    *,
    toast: str = "",
    error: str = "",
    unfit: str = "",
    typed: str = "",
    status: int = 200,
) -> Response:
    with db.reading() as session:
        profile = profiles.get_profile(session, visit.shop.id, visit.number("profile_id"))
        if profile is None:
            raise missing()
        known = properties.definitions_of(session, visit.shop.id)
    plain = {name for name in profile.properties if not name.startswith(TAG_PREFIX)}
    fields = []
    for number, name in enumerate(sorted({*known, *plain})[: property_values.MAX_VALUES_SHOWN]):
        value = _written(profile.properties.get(name))
        if name == unfit:
            value = typed
        field = _field(visit.say, f"property-{number}", name, known.get(name), value=value)
        fields.append(replace(field, error=error) if name == unfit else field)
    return visit.page(
        "audience/corrections.html",
        toast=toast,
        status=status,
        profile=profile,
        name=words.person(profile, visit.say),
        fields=fields,
        longest=MAX_VALUE_CHARS,
    )


def _field(
    say: Language, field_id: str, name: str, about: PropertyDefinition | None, *, value: str
) -> PropertyField:
    if about is None:
        return PropertyField(field_id, name, name, value)
    found = PropertyField(
        field_id,
        name,
        properties.translated_label(about.labels, say.tag, name),
        value,
        tuple(properties.options_of(about, say.tag)),
    )
    match about.type:
        case PropertyType.BOOLEAN:
            return replace(found, choices=(("true", say.text("Yes")), ("false", say.text("No"))))
        case PropertyType.CHOICES:
            return replace(found, several=True)
        case PropertyType.DATE:
            return replace(found, input="date")
        case PropertyType.NUMBER:
            return replace(found, inputmode="decimal")
        case _:
            return found


def _written(value: object) -> str:
    """A value as a field of a form holds it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return "; ".join(map(str, value))
        case _:
            return str(value)
