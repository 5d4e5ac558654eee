"""The library: ready-made forms, each a file in `library/` in the shape of Klaviyo's API, one of
which a store begins with as a draft; and the switch that shows a form.

The files are read and checked when the process starts; a broken one ends it and names the field.
"""

from pathlib import Path

from sqlmodel import Session

from plugin import clock, jobs
from plugin.errors import RegularsError
from plugin.flows.library import newsletter_of
from plugin.forms.definition import FormOption, blocks_of, texts
from plugin.forms.ready_made import ReadyForm
from plugin.library_files import Resource, read_library
from plugin.profiles import properties
from plugin.shopify.install import app_embed
from plugin.templates import library
from plugin.texts import translations
from storage import forms, lists, products, shops
from storage.engine import db
from storage.engine.ids import new_id
from storage.engine.types import JsonObject
from storage.forms import Form, FormStatus, FormVersion

FOLDER = Path(__file__).with_name("library")
STARTER = "welcome_popup"  # what a new store begins with
LOOKING_FOR = "looking_for"  # the starter's question
JUST_BROWSING = "browsing"  # its answer that fits every shop
MAX_PRODUCT_TYPES = 6
NO_LIST = 0

FORMS = {
    key: file.data.attributes for key, file in read_library(FOLDER, Resource[ReadyForm]).items()
}


def seed(shop_id: int) -> None:
    """Add a draft popup to a new store, with a question that fits what the store sells.

    Twice is a no-op, except that an unchanged form gets new answers: the store's products are read
    after the first visit.
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        held = forms.forms_of(session, shop_id)
        definition = _with_product_types(session, shop_id, FORMS[STARTER].version())
        if not held:
            _add_form(session, shop_id, STARTER, definition)
            return
        version = forms.get_form_version(session, shop_id, held[0].id, 1)
        if version is not None and _is_untouched(held[0]):
            version.definition = definition
            session.add(version)


def use_form(shop_id: int, key: str) -> int:
    """Add a form of the library to a shop as a draft; return its id. Twice is a no-op.

    A form with a welcome mail of its own adds that, too.

    Raises:
        RegularsError: the library has no such form (404).
    """
    if key not in FORMS:
        raise RegularsError("Form not found in the library.", 404)
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        shop = shops.get_shop(session, shop_id)
        assert shop is not None  # its lock is held
        for held in forms.forms_of(session, shop_id):
            if held.name == FORMS[key].name:
                return held.id
        library.use_welcome_mail(session, shop, key)
        version = _add_form(session, shop_id, key, FORMS[key].version())
        properties.define_from_form(
            session, shop_id, list(blocks_of(version.definition)), version.translations
        )
        return version.form_id


def unused_forms(session: Session, shop_id: int) -> dict[str, ReadyForm]:
    """What the library offers that a shop does not have yet, by key."""
    names = {form.name for form in forms.forms_of(session, shop_id)}
    return {key: form for key, form in FORMS.items() if form.name not in names}


def _add_form(session: Session, shop_id: int, key: str, definition: JsonObject) -> FormVersion:
    now = clock.now()
    form = Form(
        shop_id=shop_id,
        id=new_id(),
        name=FORMS[key].name,
        list_id=newsletter_of(session, shop_id) or NO_LIST,
        created_at=now,
        updated_at=now,
    )
    session.add(form)
    version = FormVersion(
        shop_id=shop_id,
        form_id=form.id,
        version=1,
        definition=definition,
        translations=translations(texts(definition)),
        created_at=now,
    )
    session.add(version)
    return version


def _is_untouched(form: Form) -> bool:
    """Whether the starter is as it was seeded: never switched on, never changed."""
    as_seeded = form.version == 1 and form.updated_at == form.created_at
    return form.name == FORMS[STARTER].name and form.status == FormStatus.DRAFT and as_seeded


def _with_product_types(session: Session, shop_id: int, definition: JsonObject) -> JsonObject:
    """The starter with the shop's most common product types as answers, where it has several."""
    types = products.top_product_types(session, shop_id, MAX_PRODUCT_TYPES)
    if len(types) < 2:
        return definition
    for block in blocks_of(definition):
        about = block["properties"]
        if about.get("property_name") == LOOKING_FOR:
            last = [option for option in about["options"] if option["value"] == JUST_BROWSING]
            offered: list[FormOption] = [{"label": name, "value": name} for name in types]
            about["options"] = [*offered, *last]
    return definition


def set_status(shop_id: int, form_id: int, live: bool) -> None:
    """Show a form in the store, or no longer.

    Raises:
        RegularsError: there is no such form (404), or no list that it puts people on (409).
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        form = forms.get_form(session, shop_id, form_id)
        if form is None:
            raise RegularsError("Form not found.", 404)
        if live and lists.get_list(session, shop_id, form.list_id) is None:
            raise RegularsError("This form's list was deleted.", 409)
        form.status = FormStatus.LIVE if live else FormStatus.DRAFT
        form.updated_at = clock.now()
        session.add(form)
        version = forms.get_form_version(session, shop_id, form_id, form.version)
        if live and version is not None:
            asked = list(blocks_of(version.definition))
            properties.define_from_form(session, shop_id, asked, version.translations)
    jobs.enqueue("publish", shop_id)


def set_list(shop_id: int, form_id: int, list_id: int) -> None:
    """Let a form put people on another list from now on.

    Raises:
        RegularsError: there is no such form or list (404).
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        form = forms.get_form(session, shop_id, form_id)
        if form is None or lists.get_list(session, shop_id, list_id) is None:
            raise RegularsError("Form or list not found.", 404)
        form.list_id = list_id
        session.add(form)


def publish(shop_id: int) -> None:
    """Publish to the storefront which forms are live and their teasers; it loads the rest later."""
    with db.reading() as session:
        live = [
            {
                "id": str(form.id),
                "version": version.version,
                "type": version.definition["type"],
                "triggers": version.definition["triggers"],
                "evaluation": version.definition["properties"]["rule_based_trigger_evaluation"],
            }
            for form in forms.forms_of(session, shop_id)
            if form.status == FormStatus.LIVE
            and (version := forms.get_form_version(session, shop_id, form.id, form.version))
        ]
    app_embed.publish_forms(shop_id, {"forms": live})
