"""Properties: what shoppers may be asked, its type, and what its values are called."""

from collections.abc import Mapping

from sqlmodel import Session
from starlette.responses import Response

from admin_ui.kit import words
from admin_ui.kit.pages import name_of_language
from admin_ui.kit.request import AdminRequest, missing
from admin_ui.kit.routes import page
from plugin.errors import RegularsError
from plugin.profiles import properties as profile_properties
from plugin.texts import N_
from plugin.values import without_unstorable
from storage import forms, properties
from storage.engine import db
from storage.properties import PropertyDefinition, PropertyOption, PropertyType

TITLE = N_("Properties")
SPARE_OPTIONS = 3  # empty lines for new values
MAX_LABEL_CHARS = 200  # characters of a value and of its words
MAX_LANGUAGES = 21  # what the shop wrote, and Shopify's 20: help.shopify.com, selling in languages
# A line for each value, with its words; the labels; the type, and what was seen.
MAX_FIELDS = (
    (profile_properties.MAX_OPTIONS + SPARE_OPTIONS) * (1 + MAX_LANGUAGES) + MAX_LANGUAGES + 2
)


@page("/settings/properties", title=TITLE)
def show_all(visit: AdminRequest) -> Response:
    """Show every property."""
    return _list(visit)


@page("/settings/properties", title=TITLE, method="POST")
def create(visit: AdminRequest) -> Response:
    """Add a property: `name` and `type`."""
    name, kind = (
        visit.form.get("name", "")[: 2 * profile_properties.MAX_NAME_CHARS],
        visit.form.get("type", ""),
    )
    try:
        made = profile_properties.save_definition(
            visit.shop.id, None, name, kind, labels={}, options=[]
        )
    except RegularsError as error:
        if error.status != 422:
            raise
        said = visit.say.text("Enter a unique name of 1 to 100 characters.")
        return _list(visit, error=said, name=name, status=422)
    return _one(visit, made, visit.say.text("Property added"))


@page("/settings/properties/{definition_id}", title=TITLE)
def show(visit: AdminRequest) -> Response:
    """Show a property with its values."""
    return _one(visit, visit.number("definition_id"))


@page("/settings/properties/{definition_id}", title=TITLE, method="POST", max_fields=MAX_FIELDS)
def save(visit: AdminRequest) -> Response:
    """Save a property: `type`, `label-…`, `value-1`, `words-1-…`.

    `seen` is the `updated_at` of the page that was filled in: over what a form or a colleague has
    changed since, nothing is written.
    """
    definition_id, form = visit.number("definition_id"), visit.form
    with db.reading() as session:
        about = properties.get_definition(session, visit.shop.id, definition_id)
        if about is None:
            raise missing()
        locales = _locales(session, visit.shop.id, about)
    kind = form.get("type", "")
    options = _options(form, locales) if "value-0" in form else about.options
    labels = _words(form, "label", locales)
    try:
        if form.get("seen", "") != about.updated_at.isoformat():
            raise RegularsError("This property changed after you opened it.", 409)
        profile_properties.save_definition(
            visit.shop.id,
            definition_id,
            about.name,
            kind,
            labels=labels,
            options=options,
            seen=about.updated_at,
        )
    except RegularsError as error:
        if error.status != 409:
            raise
        return _one(visit, definition_id, status=409)
    return _one(visit, definition_id, visit.say.text("Saved"))


def _options(form: Mapping[str, str], locales: list[str]) -> list[PropertyOption]:
    """The values of a form that have one, each once."""
    found: dict[str, PropertyOption] = {}
    for number in range(profile_properties.MAX_OPTIONS + SPARE_OPTIONS):
        value = _line(form, f"value-{number}")
        if value:
            labels = _words(form, f"words-{number}", locales)
            found.setdefault(value, {"value": value, "labels": labels})
    return list(found.values())[: profile_properties.MAX_OPTIONS]


def _words(form: Mapping[str, str], name: str, locales: list[str]) -> dict[str, str]:
    said = {locale: _line(form, f"{name}-{locale}") for locale in locales}
    return {locale: each for locale, each in said.items() if each}


def _line(form: Mapping[str, str], name: str) -> str:
    return " ".join(str(without_unstorable(form.get(name, ""))).split())[:MAX_LABEL_CHARS]


def _locales(session: Session, shop_id: int, about: PropertyDefinition) -> list[str]:
    """The languages that a property may have words in: its own, and those that forms speak."""
    found = {"", *about.labels}
    found |= {locale for option in about.options for locale in option["labels"]}
    for form in forms.forms_of(session, shop_id):
        version = forms.get_form_version(session, shop_id, form.id, form.version)
        found |= set(version.translations) if version else set()
    return sorted(found)


def _list(
    visit: AdminRequest, *, toast: str = "", error: str = "", name: str = "", status: int = 200
) -> Response:
    with db.reading() as session:
        found = properties.definitions_of(session, visit.shop.id)
    return visit.page(
        "audience/properties.html",
        toast=toast,
        status=status,
        error=error,
        name=name,
        longest=profile_properties.MAX_NAME_CHARS,
        found=list(found.values()),
        types=[(kind, words.label(words.TYPES, kind, visit.say)) for kind in PropertyType],
        label_of=lambda each: properties.translated_label(each.labels, visit.say.tag, each.name),
        words=words,
    )


def _one(visit: AdminRequest, definition_id: int, toast: str = "", status: int = 200) -> Response:
    with db.reading() as session:
        about = properties.get_definition(session, visit.shop.id, definition_id)
        if about is None:
            raise missing()
        locales = _locales(session, visit.shop.id, about)
    blank = {"value": "", "labels": dict[str, str]()}
    return visit.page(
        "audience/property.html",
        toast=toast,
        path=f"/settings/properties/{definition_id}",
        status=status,
        changed=status == 409,
        about=about,
        title=properties.translated_label(about.labels, visit.say.tag, about.name),
        locales={
            each: name_of_language(each, visit.say) if each else visit.say.text("Label")
            for each in locales
        },
        values=[*about.options, *([blank] * SPARE_OPTIONS)],
        types=[(kind, words.label(words.TYPES, kind, visit.say)) for kind in PropertyType],
        longest=MAX_LABEL_CHARS,
        words=words,
    )
