"""What was done on a device that two shoppers use: rows that go from one to the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, select

from storage.checkouts import CHECKOUT_STARTED
from storage.events import Event
from storage.flows import Enrolment, EnrolmentState
from storage.messages import Message, MessageState
from storage.profiles import IdentityKind, KeyKind
from storage.visits import Visit

ADDED_TO_CART = "Added to Cart"


@dataclass(frozen=True, slots=True)
class Handover:
    """A browser, cart or checkout that leads to another profile from a moment on."""

    kind: KeyKind
    value: str
    from_profile_id: int
    to_profile_id: int
    to_source_profile_id: int | None
    since: datetime | None  # what was done until then stays; None: all of it goes


def move_acts(session: Session, shop_id: int, handover: Handover) -> None:
    """Give what was done with a key to the shopper who turned out to have done it.

    The flows that it began go along: the first one would be written to of what they never did.
    """
    moved = _events(session, shop_id, handover)
    to = {
        "profile_id": handover.to_profile_id,
        "source_profile_id": handover.to_source_profile_id,
    }
    if moved:
        _move_flows(session, shop_id, moved, to)
        mine = (col(Event.shop_id) == shop_id, col(Event.id).in_(moved))
        session.connection().execute(update(Event).where(*mine).values(to))
    if handover.kind == IdentityKind.BROWSER:
        visits = [
            col(Visit.shop_id) == shop_id,
            col(Visit.profile_id) == handover.from_profile_id,
            col(Visit.browser_id) == handover.value,
        ]
        if handover.since is not None:
            visits.append(col(Visit.started_at) > handover.since)
        session.connection().execute(update(Visit).where(*visits).values(to))


def _events(session: Session, shop_id: int, handover: Handover) -> list[int]:
    query = select(Event.id).where(
        Event.shop_id == shop_id, Event.profile_id == handover.from_profile_id
    )
    if handover.since is not None:
        query = query.where(Event.occurred_at > handover.since)
    if handover.kind == IdentityKind.BROWSER:
        told_by: Any = col(Event.properties)["browser_id"].as_string()
        query = query.where(told_by == handover.value)
    elif handover.kind == IdentityKind.CART:
        query = query.where(
            Event.metric == ADDED_TO_CART,
            col(Event.unique_id).startswith(f"{handover.value}:", autoescape=True),
        )
    else:
        query = query.where(Event.metric == CHECKOUT_STARTED, Event.unique_id == handover.value)
    return list(session.exec(query))


def _move_flows(
    session: Session, shop_id: int, event_ids: Sequence[int], to: dict[str, int | None]
) -> None:
    begun = (
        col(Enrolment.shop_id) == shop_id,
        col(Enrolment.event_id).in_(event_ids),
        col(Enrolment.state) == EnrolmentState.WAITING,
    )
    due = (
        col(Message.shop_id) == shop_id,
        col(Message.event_id).in_(event_ids),
        col(Message.state) == MessageState.DUE,
    )
    session.connection().execute(update(Enrolment).where(*begun).values(to))
    session.connection().execute(update(Message).where(*due).values(to))
