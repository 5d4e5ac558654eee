"""Preferences: how often, and about what, an address wants to be written to."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from sqlmodel import Field, Session, SQLModel, col, select

from storage.consent_ledger import stands_at
from storage.engine import db
from storage.engine.ids import new_id
from storage.engine.types import enum_column, json_column, moment, row_key, shop_key

MAX_TOPICS = 20  # of one shop


class SendingFrequency(StrEnum):
    """How often an address wants marketing."""

    ALL = "all"
    WEEKLY = "weekly"  # at most one message in 7 days


class Topic(SQLModel, table=True):
    """A topic that a shop writes about; a shopper who declines it gets no messages about it."""

    shop_id: int = shop_key()
    id: int = row_key()
    name: str
    position: int = 0


class Preference(SQLModel, table=True):
    """What the owner of one address chose on the preference page."""

    shop_id: int = shop_key()
    channel: str = Field(primary_key=True)
    address: str = Field(primary_key=True)
    frequency: SendingFrequency = enum_column(SendingFrequency, default=SendingFrequency.ALL)
    paused_until: datetime | None = moment(default=None)
    declined_topic_ids: list[int] = json_column(list)  # ids of topics
    changed_at: datetime = moment()


class PreferenceRow(TypedDict):
    """One row of `Preference`."""

    shop_id: int
    channel: str
    address: str
    frequency: SendingFrequency
    paused_until: datetime | None
    declined_topic_ids: list[int]
    changed_at: datetime


def get_preference(session: Session, shop_id: int, channel: str, address: str) -> Preference | None:
    """What was chosen for one address; None when nothing was."""
    # `choose` writes past the session, which would answer with what it read before.
    return session.get(Preference, (shop_id, channel, address), populate_existing=True)


def preferences_at(
    session: Session, shop_id: int, addresses: Sequence[tuple[str, str]]
) -> Sequence[Preference]:
    """What was chosen for several (channel, address) pairs."""
    return session.exec(
        select(Preference)
        .where(Preference.shop_id == shop_id, stands_at(Preference, addresses))
        .order_by(col(Preference.channel), col(Preference.address))
    ).all()


def save_preferences(session: Session, rows: Sequence[PreferenceRow]) -> None:
    """Write what was chosen for some addresses."""
    if not rows:
        return
    upsert = db.insert(Preference)
    names = ("frequency", "paused_until", "declined_topic_ids", "changed_at")
    session.connection().execute(
        upsert.on_conflict_do_update(
            index_elements=["shop_id", "channel", "address"],
            set_={name: upsert.excluded[name] for name in names},
        ),
        list(rows),
    )


def set_topics(session: Session, shop_id: int, names: Sequence[str]) -> None:
    """Give a shop these topics, in this order. One of the same name stays the same topic."""
    held = {topic.name: topic for topic in topics_of(session, shop_id)}
    for position, name in enumerate(names):
        topic = held.pop(name, None) or Topic(shop_id=shop_id, id=new_id(), name=name)
        topic.position = position
        session.add(topic)
    for gone in held.values():
        session.delete(gone)
    session.flush()


def topics_of(session: Session, shop_id: int) -> Sequence[Topic]:
    """A shop's topics, in its own order."""
    return session.exec(
        select(Topic).where(Topic.shop_id == shop_id).order_by(col(Topic.position), col(Topic.id))
    ).all()
