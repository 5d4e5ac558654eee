"""Ready flows: what a store begins with, as drafts, and the switch that turns a flow on or off."""

from typing import Any

from sqlmodel import Session

from plugin import clock
from plugin.errors import RegularsError
from plugin.flows import definition as graph
from plugin.templates import library as mails
from storage import flows, lists, shops
from storage.engine import db
from storage.engine.ids import new_id
from storage.flows import DRAFT, LIVE, Flow, FlowVersion
from storage.lists import List

NEWSLETTER = "Newsletter"


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
        for name, definition in (
            ("Welcome", welcome(newsletter.id, templates["welcome"])),
            (
                "Abandoned checkout",
                abandoned_checkout(
                    templates["checkout_reminder_1"], templates["checkout_reminder_2"]
                ),
            ),
        ):
            add_flow(session, shop_id, name, definition)


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


def welcome(list_id: int, template_id: int) -> dict[str, Any]:
    """One mail, at once, when somebody joins the list; once in a lifetime."""
    return {
        "triggers": [{"type": "list", "id": str(list_id)}],
        "profile_filter": None,
        "entry_action_id": "1",
        "actions": [_email("1", None, "Welcome", template_id)],
        "reentry_criteria": {"duration": 1, "unit": "alltime"},
    }


def abandoned_checkout(first_template: int, second_template: int) -> dict[str, Any]:
    """A reminder after an hour and one a day later; whoever orders leaves at once."""
    return {
        "triggers": [{"type": "metric", "id": "Checkout Started"}],
        "profile_filter": {
            "condition_groups": [
                {
                    "conditions": [
                        {
                            "type": "profile-metric",
                            "metric_id": "Placed Order",
                            "measurement": "count",
                            "measurement_filter": {
                                "type": "numeric",
                                "operator": "equals",
                                "value": 0,
                            },
                            "timeframe_filter": {"type": "date", "operator": "flow-start"},
                        }
                    ]
                }
            ]
        },
        "entry_action_id": "1",
        "actions": [
            _delay("1", "2", 1, "hours"),
            _email("2", "3", "Reminder after an hour", first_template),
            _delay("3", "4", 1, "days"),
            _email("4", None, "Reminder after a day", second_template),
        ],
        "reentry_criteria": None,
    }


def _email(action_id: str, next_id: str | None, name: str, template_id: int) -> dict[str, Any]:
    message = {
        "name": name,
        "template_id": str(template_id),
        "smart_sending_enabled": False,
        "transactional": False,
    }
    return {
        "id": action_id,
        "type": "send-email",
        "links": {"next": next_id},
        "data": {"message": message, "status": "live"},
    }


def _delay(action_id: str, next_id: str, value: int, unit: str) -> dict[str, Any]:
    return {
        "id": action_id,
        "type": "time-delay",
        "links": {"next": next_id},
        "data": {"unit": unit, "value": value},
    }
