"""Restorations: that this database came out of a backup, and what became of what was due then.

What was due between the backup and its return may have been sent by the copy that was lost. Nothing
is sent before an operator says whether it was.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, func, update
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage.channels import Channel
from storage.engine import db
from storage.engine.ids import new_id
from storage.engine.types import enum_column, moment, row_key
from storage.flows import Enrolment, EnrolmentState
from storage.imports import Import, ImportState
from storage.messages import Message, MessageState, SkipReason
from storage.shops import Shop

WHY = "a restored database asks what was sent"


class UnsentChoice(StrEnum):
    """What becomes of what was due before a restoration."""

    HOLD = "hold"  # it is yet to be decided, and nothing is sent
    SENT = "sent"  # it counts as sent
    SEND = "send"  # it goes out now


class Restoration(SQLModel, table=True):
    """One return of a backup."""

    id: int = row_key()
    backed_up_at: datetime = moment()
    restored_at: datetime = moment()
    choice: UnsentChoice = enum_column(UnsentChoice, default=UnsentChoice.HOLD)
    decided_at: datetime | None = moment(default=None)


class Unsent(SQLModel):
    """Messages of a store that were due before a restoration, and may have been sent."""

    domain: str
    channel: Channel
    transactional: bool = Field(description="a shopper waits for them")
    count: int


def begin_restoration(session: Session, *, backed_up_at: datetime, restored_at: datetime) -> None:
    """Note that this database was restored just now.

    One that was backed up while it was held is in doubt since the first of its backups.
    """
    held = held_restoration(session)
    if held is not None:
        held.restored_at = restored_at
        session.add(held)
        return
    session.add(Restoration(id=new_id(), backed_up_at=backed_up_at, restored_at=restored_at))


def held_restoration(session: Session) -> Restoration | None:
    """The restoration that is yet to be decided, if there is one."""
    return session.exec(
        select(Restoration).where(Restoration.choice == UnsentChoice.HOLD)
    ).one_or_none()


def unsent_messages(session: Session, until: datetime) -> Sequence[Unsent]:
    """What was due by a moment and is not known to be sent, by store and channel."""
    kind = (col(Message.channel), col(Message.transactional))
    query = (
        columns(col(Shop.domain), *kind, func.count().label("count"))
        .join(Shop, col(Shop.id) == col(Message.shop_id))
        .where(_unsent(until))
        .group_by(col(Shop.domain), *kind)
        .order_by(col(Shop.domain))
    )
    found = db.across_shops(session, query, WHY)
    return [Unsent(**row._mapping) for row in found]


def count_waiting_steps(session: Session, until: datetime) -> int:
    """How many shoppers had a step of a flow due by a moment."""
    due = (
        col(Enrolment.state) == EnrolmentState.WAITING,
        col(Enrolment.due_at) <= until,
    )
    query = columns(func.count()).select_from(Enrolment).where(*due)
    return int(db.across_shops(session, query, WHY).scalar_one())


def count_imports(session: Session, until: datetime) -> int:
    """How many imports that start flows were begun by a moment, and are not at their end."""
    begun = (
        col(Import.state) == ImportState.RUNNING,
        col(Import.starts_flows).is_(True),
        col(Import.due_at) <= until,
    )
    query = columns(func.count()).select_from(Import).where(*begun)
    return int(db.across_shops(session, query, WHY).scalar_one())


def decide(session: Session, held: Restoration, choice: UnsentChoice, now: datetime) -> None:
    """Let go on what a restoration held.

    Where it counts as sent, each store remembers the moment: what a flow had to send before that
    counts as sent as well (`plugin/flows/steps/send_message.py`).
    """
    if choice == UnsentChoice.SENT:
        unsent = {"skip_reason": SkipReason.RESTORED, "lease_until": 0.0}
        for state, outcome in (
            (MessageState.DUE, MessageState.SKIPPED),
            (MessageState.SENDING, MessageState.AMBIGUOUS),
        ):
            change = update(Message).where(
                col(Message.state) == state, col(Message.due_at) <= held.restored_at
            )
            db.across_shops(session, change.values(state=outcome, **unsent), WHY)
        db.across_shops(session, update(Shop).values(restored_at=held.restored_at), WHY)
    held.choice, held.decided_at = choice, now
    session.add(held)


def _unsent(until: datetime) -> ColumnElement[bool]:
    unsent = col(Message.state).in_((MessageState.DUE, MessageState.SENDING))
    return unsent & (col(Message.due_at) <= until)
