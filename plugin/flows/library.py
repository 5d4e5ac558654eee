"""The library: ready-made flows, each a file in `library/` in the shape of Klaviyo's API, two of
which a store begins with as drafts; and the switch that turns a flow on or off.

A file names lists and templates by key. It is read and checked when the process starts; a broken
one ends it and names the field.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationInfo, field_validator
from sqlmodel import Session

from plugin import clock
from plugin.errors import RegularsError
from plugin.flows import definition as graph
from plugin.library_files import Entry, Resource, read_library
from plugin.templates import library as mails
from storage import flows, lists, shops
from storage.engine import db
from storage.engine.ids import new_id
from storage.flows import DRAFT, LIVE, Flow, FlowVersion
from storage.lists import List

FOLDER = Path(__file__).with_name("library")
NEWSLETTER, NEWSLETTER_KEY = "Newsletter", "newsletter"
STARTERS = ("welcome", "abandoned_checkout")  # what a new store begins with


class ReadyTrigger(Entry):
    """What starts a flow: a list by its key, or a metric by its name."""

    type: str
    id: str

    @field_validator("id")
    @classmethod
    def _check_id(cls, key: str, info: ValidationInfo) -> str:
        if info.data.get("type") == "list" and key != NEWSLETTER_KEY:
            raise ValueError(f"there is no list {key!r}")
        return key


class ReadyEmail(Entry):
    """The mail of a step; its template is one of `plugin/templates/library`."""

    template_id: str

    @field_validator("template_id")
    @classmethod
    def _check_template(cls, key: str) -> str:
        if key not in mails.MAILS:
            raise ValueError(f"there is no mail {key!r}")
        return key


class ReadyData(Entry):
    """What a step does."""

    message: ReadyEmail | None = None


class ReadyAction(Entry):
    """A step."""

    id: str
    type: str
    data: ReadyData


class ReadyDefinition(Entry):
    """A definition, as far as a file has to be right about it."""

    triggers: list[ReadyTrigger]
    entry_action_id: str
    actions: list[ReadyAction]


class ReadyFlow(Entry):
    """A ready-made flow, as its file has it."""

    name: str
    definition: ReadyDefinition

    @field_validator("definition")
    @classmethod
    def _check_definition(cls, definition: ReadyDefinition) -> ReadyDefinition:
        try:
            graph.read(definition.model_dump(exclude_unset=True))
        except RegularsError as error:
            raise ValueError(error.message.rstrip(".")) from None
        except (KeyError, TypeError) as error:
            raise ValueError(f"a step or condition is not complete: {error}") from None
        return definition

    def definition_with(self, list_id: int, templates: Mapping[str, int]) -> dict[str, Any]:
        """The definition as a shop runs it: its list and its templates in place of their keys."""
        found = self.definition.model_dump(exclude_unset=True)
        for trigger in found["triggers"]:
            if trigger["type"] == "list":
                trigger["id"] = str(list_id)
        for action in found["actions"]:
            if message := action["data"].get("message"):
                message["template_id"] = str(templates[message["template_id"]])
        return found


FLOWS = {
    key: file.data.attributes for key, file in read_library(FOLDER, Resource[ReadyFlow]).items()
}


def seed(shop_id: int) -> None:
    """Give a new store its list, its templates and its flows, all flows off. Twice is a no-op."""
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        shop = shops.get_shop(session, shop_id)
        if shop is None or flows.flows_of(session, shop_id):
            return
        newsletter = List(shop_id=shop_id, id=new_id(), name=NEWSLETTER, created_at=now)
        session.add(newsletter)
        templates = mails.seed(session, shop)
        for ready in (FLOWS[key] for key in STARTERS):
            definition = ready.definition_with(newsletter.id, templates)
            add_flow(session, shop_id, ready.name, definition)


def newsletter_of(session: Session, shop_id: int) -> int:
    """The id of the list that a store's forms put people on."""
    return next(found.id for found in lists.lists_of(session, shop_id) if found.name == NEWSLETTER)


def add_flow(session: Session, shop_id: int, name: str, definition: dict[str, Any]) -> int:
    """Add a flow as a draft; its id.

    Raises:
        RegularsError: the definition cannot be run.
    """
    now = clock.now()
    steps = graph.read(definition)
    flow = Flow(
        shop_id=shop_id,
        id=new_id(),
        name=name,
        trigger=steps.triggers[0],
        created_at=now,
        updated_at=now,
    )
    session.add(flow)
    session.add(
        FlowVersion(
            shop_id=shop_id, flow_id=flow.id, version=1, definition=definition, created_at=now
        )
    )
    session.flush()
    return flow.id


def set_status(shop_id: int, flow_id: int, live: bool) -> None:
    """Turn a flow on or off. Who is in it when it is off leaves at her next step.

    Raises:
        RegularsError: there is no such flow (404), or no list that it begins with (409).
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        flow = flows.get_flow(session, shop_id, flow_id)
        if flow is None:
            raise RegularsError("There is no such flow.", 404)
        if live and not _has_list(session, flow):
            raise RegularsError("The list that this flow begins with was deleted.", 409)
        flow.status = LIVE if live else DRAFT
        flow.updated_at = clock.now()
        session.add(flow)


def _has_list(session: Session, flow: Flow) -> bool:
    kind, _, list_id = flow.trigger.partition(":")
    return kind != "list" or lists.get_list(session, flow.shop_id, int(list_id)) is not None
