"""The library: ready-made flows, each a file in `library/` in the shape of Klaviyo's API, two of
which a store begins with as drafts; and the switch that turns a flow on or off.

A file names lists and templates by key. It is read and checked when the process starts; a broken
one ends it and names the field.
"""

from pathlib import Path

from sqlmodel import Session

from plugin import clock
from plugin.channels.registry import CHANNELS
from plugin.errors import RegularsError
from plugin.flows import definition as flow_definition
from plugin.flows.fields import ShopNames
from plugin.flows.ready_made import ReadyFlow
from plugin.library_files import Resource, read_library
from plugin.metrics import STANDARD
from plugin.templates import library
from storage import flows, lists, metrics, shops
from storage.engine import db
from storage.engine.ids import new_id
from storage.engine.types import JsonObject
from storage.flows import Flow, FlowStatus, FlowVersion
from storage.lists import List

FOLDER = Path(__file__).with_name("library")
NEWSLETTER = "Newsletter"
STARTERS = ("welcome", "abandoned_checkout")  # what a new store begins with


FLOWS = {
    key: file.data.attributes for key, file in read_library(FOLDER, Resource[ReadyFlow]).items()
}


def seed_flows(shop_id: int) -> None:
    """Give a new store its list, its templates and its flows, all flows off. Twice is a no-op."""
    now = clock.now()
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        shop = shops.get_shop(session, shop_id)
        if shop is None or flows.flows_of(session, shop_id):
            return
        newsletter = List(shop_id=shop_id, id=new_id(), name=NEWSLETTER, created_at=now)
        session.add(newsletter)
        templates = library.seed_templates(session, shop)
        for ready in (FLOWS[key] for key in STARTERS):
            definition = ready.definition_with(newsletter.id, templates)
            add_flow(session, shop_id, ready.name, definition)


def newsletter_of(session: Session, shop_id: int) -> int | None:
    """The id of the list that ready-made forms put people on; None once it was deleted."""
    known = lists.lists_of(session, shop_id)
    return next((found.id for found in known if found.name == NEWSLETTER), None)


def add_flow(session: Session, shop_id: int, name: str, definition: JsonObject) -> int:
    """Add a flow as a draft; its id.

    Raises:
        RegularsError: the definition cannot be run.
    """
    now = clock.now()
    steps = flow_definition.parse_definition(definition, _names_of(session, shop_id))
    flow = Flow(
        shop_id=shop_id,
        id=new_id(),
        name=name,
        trigger=steps.trigger,
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


def _names_of(session: Session, shop_id: int) -> ShopNames:
    """What a shop's definitions may name."""
    own = metrics.metrics_of(session, shop_id)
    return ShopNames(
        metrics={*STANDARD, *(name for spec in CHANNELS.values() for name in spec.metrics), *own},
        lists={str(each.id) for each in lists.lists_of(session, shop_id)},
    )


def set_status(shop_id: int, flow_id: int, live: bool) -> None:
    """Turn a flow on or off. Profiles in it exit at their next step while it is off.

    Raises:
        RegularsError: there is no such flow (404), or its trigger's list is missing (409).
    """
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        flow = flows.get_flow(session, shop_id, flow_id)
        if flow is None:
            raise RegularsError("Flow not found.", 404)
        if live and not _has_list(session, flow):
            raise RegularsError("This flow's list was deleted.", 409)
        flow.status = FlowStatus.LIVE if live else FlowStatus.DRAFT
        flow.updated_at = clock.now()
        session.add(flow)


def _has_list(session: Session, flow: Flow) -> bool:
    kind, _, list_id = flow.trigger.partition(":")
    return kind != "list" or lists.get_list(session, flow.shop_id, int(list_id)) is not None
