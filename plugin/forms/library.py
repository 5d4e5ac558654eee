"""The library: ready-made forms, each a file in `library/` in the shape of Klaviyo's API, one of
which a store begins with as a draft; and the switch that shows a form.

The files are read and checked when the process starts; a broken one ends it and names the field.
"""

from pathlib import Path
from typing import Any

from pydantic import Field

from plugin import clock
from plugin import jobs as bell
from plugin.errors import RegularsError
from plugin.flows.library import newsletter_of
from plugin.forms.definition import blocks, texts
from plugin.library_files import Entry, Resource, read_library
from plugin.profiles import properties
from plugin.shopify.install import app_embed as embed
from plugin.texts import translations
from storage import forms, lists
from storage.engine import db
from storage.engine.ids import new_id
from storage.forms import DRAFT, LIVE, Form, FormVersion

FOLDER = Path(__file__).with_name("library")
STARTER = "welcome_popup"  # what a new store begins with


class ReadyOption(Entry):
    """One of a question's answers."""

    label: str
    value: str


class ReadyBlockProperties(Entry):
    """What a block shows and asks."""

    property_name: str = ""
    options: list[ReadyOption] = Field(default=[], min_length=1)


class ReadyBlock(Entry):
    """A text, a field, a question or a button."""

    type: str
    properties: ReadyBlockProperties


class ReadyRow(Entry):
    """A row of a column."""

    blocks: list[ReadyBlock]


class ReadyColumn(Entry):
    """A column of a step."""

    rows: list[ReadyRow]


class ReadyStep(Entry):
    """A step: what a shopper sees at a time."""

    name: str
    columns: list[ReadyColumn]


class ReadyVersionProperties(Entry):
    """What holds for every step."""

    accessible_name: str
    rule_based_trigger_evaluation: str


class ReadyVersion(Entry):
    """A version, as far as a file has to be right about it."""

    type: str
    triggers: list[dict[str, Any]]
    properties: ReadyVersionProperties
    steps: list[ReadyStep] = Field(min_length=1)


class ReadyVersions(Entry):
    """A form's definition; ready-made ones have one version."""

    versions: list[ReadyVersion] = Field(min_length=1, max_length=1)


class ReadyForm(Entry):
    """A ready-made form, as its file has it."""

    name: str
    definition: ReadyVersions

    def version(self) -> dict[str, Any]:
        """What a shop shows of it."""
        return self.definition.versions[0].model_dump(exclude_unset=True)


FORMS = {
    key: file.data.attributes for key, file in read_library(FOLDER, Resource[ReadyForm]).items()
}


def seed(shop_id: int) -> None:
    """Give a new store its popup, switched off. Twice is a no-op."""
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        if forms.forms_of(session, shop_id):
            return
        form = Form(
            shop_id=shop_id,
            id=new_id(),
            name=FORMS[STARTER].name,
            list_id=newsletter_of(session, shop_id),
            created_at=now,
            updated_at=now,
        )
        session.add(form)
        definition = FORMS[STARTER].version()
        version = FormVersion(
            shop_id=shop_id,
            form_id=form.id,
            version=1,
            definition=definition,
            translations=translations(texts(definition)),
            created_at=now,
        )
        session.add(version)
        properties.learn(session, shop_id, list(blocks(definition)), version.translations)


def set_status(shop_id: int, form_id: int, live: bool) -> None:
    """Show a form in the store, or no longer.

    Raises:
        RegularsError: there is no such form (404), or no list that it puts people on (409).
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        form = forms.get_form(session, shop_id, form_id)
        if form is None:
            raise RegularsError("There is no such form.", 404)
        if live and lists.get_list(session, shop_id, form.list_id) is None:
            raise RegularsError("The list that this form puts people on was deleted.", 409)
        form.status = LIVE if live else DRAFT
        form.updated_at = clock.now()
        session.add(form)
        version = forms.get_form_version(session, shop_id, form_id, form.version)
        if live and version is not None:
            asked = list(blocks(version.definition))
            properties.learn(session, shop_id, asked, version.translations)
    bell.ring("publish", shop_id)


def set_list(shop_id: int, form_id: int, list_id: int) -> None:
    """Let a form put people on another list from now on.

    Raises:
        RegularsError: there is no such form or list (404).
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        form = forms.get_form(session, shop_id, form_id)
        if form is None or lists.get_list(session, shop_id, list_id) is None:
            raise RegularsError("There is no such form or list.", 404)
        form.list_id = list_id
        session.add(form)


def publish(shop_id: int) -> None:
    """Tell the storefront which forms are live and what shows them; it asks for the rest later."""
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
            if form.status == LIVE
            and (version := forms.get_form_version(session, shop_id, form.id, form.version))
        ]
    embed.publish_forms(shop_id, {"forms": live})
