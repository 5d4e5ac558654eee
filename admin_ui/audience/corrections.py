"""A profile's properties, each to correct: what the merchant says counts from now on."""

from starlette.responses import Response

from admin_ui.audience import property_values
from admin_ui.kit import words
from admin_ui.kit.request import AdminRequest, missing
from admin_ui.kit.routes import page
from plugin import facts
from plugin.profiles import corrections
from plugin.profiles.properties import LONGEST
from plugin.shopify.normalise.customer_changes import TAG
from plugin.texts import N_
from storage import profiles, properties
from storage.engine import db
from storage.properties import CHOICES

TITLE = N_("Properties")


@page("/audience/profiles/{profile_id}/properties", title=TITLE, personal=True)
def show(visit: AdminRequest) -> Response:
    """Show the properties of a profile, each in a form."""
    return _page(visit)


@page("/audience/profiles/{profile_id}/properties", title=TITLE, method="POST", personal=True)
def change(visit: AdminRequest) -> Response:
    """Correct a property: `name` and `value`."""
    name = visit.form.get("name", "")
    value = str(facts.without_unstorable(visit.form.get("value", ""))).strip()[:LONGEST]
    if corrections.correct_field(visit.shop.id, visit.number("profile_id"), name, value):
        return _page(visit, toast=visit.say.text("Saved"))
    said = visit.say.text("This is not of the property's type.")
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
    plain = {name for name in profile.properties if not name.startswith(TAG)}
    rows = []
    for number, name in enumerate(sorted({*known, *plain})[: property_values.MAX_VALUES_SHOWN]):
        about, value = known.get(name), profile.properties.get(name)
        held = "; ".join(map(str, value)) if isinstance(value, list) else value
        rows.append(
            {
                "id": f"property-{number}",
                "name": name,
                "about": about,
                "label": properties.translated_label(about.labels, visit.say.tag, name)
                if about
                else name,
                "options": properties.options_of(about, visit.say.tag) if about else (),
                "many": about is not None and about.type == CHOICES,
                "value": typed if name == unfit else "" if held is None else held,
                "error": error if name == unfit else "",
            }
        )
    return visit.page(
        "audience/corrections.html",
        toast=toast,
        status=status,
        profile=profile,
        name=words.person(profile, visit.say),
        rows=rows,
        longest=LONGEST,
        words=words,
    )
