"""Attributions: which order a message is credited with, and what messages earned."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from sqlalchemy import Index, bindparam, delete, func, update
from sqlmodel import Session, SQLModel, col, select

from storage.engine import db
from storage.engine.types import big, moment, row_key, shop_key
from storage.shop_days import day_of


class Attribution(SQLModel, table=True):
    """An order that a message earned: the last click before it, within the shop's window."""

    __table_args__ = (
        Index("attribution_message", "shop_id", "message_id"),
        Index("attribution_at", "shop_id", "at"),
    )

    shop_id: int = shop_key()
    order_id: int = row_key()
    message_id: int = big()
    flow_id: int | None = big(nullable=True, default=None)
    action_id: str = ""
    amount: int = big()
    currency: str
    at: datetime = moment()


class AttributionRow(TypedDict):
    """One row of `Attribution`."""

    shop_id: int
    order_id: int
    message_id: int
    flow_id: int | None
    action_id: str
    amount: int
    currency: str
    at: datetime


def save_attributions(session: Session, rows: Sequence[AttributionRow]) -> None:
    """Credit orders to messages, each to one: the newest decision counts."""
    if rows:
        upsert = db.insert(Attribution)
        names = [c.name for c in upsert.table.c if not c.primary_key]
        session.connection().execute(
            upsert.on_conflict_do_update(
                index_elements=["shop_id", "order_id"],
                set_={name: upsert.excluded[name] for name in names},
            ),
            list(rows),
        )


def delete_attributions(session: Session, shop_id: int, order_ids: Collection[int]) -> None:
    """Take back the credit for orders."""
    if order_ids:
        session.connection().execute(
            delete(Attribution).where(
                col(Attribution.shop_id) == shop_id,
                col(Attribution.order_id).in_(sorted(order_ids)),
            )
        )


def change_amounts(session: Session, shop_id: int, amounts: Mapping[int, int]) -> None:
    """Bring what messages earned by these orders up to date: {order id: minor units}."""
    if amounts:
        session.connection().execute(
            update(Attribution)
            .where(
                col(Attribution.shop_id) == shop_id,
                col(Attribution.order_id) == bindparam("of_order_id"),
            )
            .values(amount=bindparam("to_amount")),
            [{"of_order_id": order, "to_amount": amount} for order, amount in amounts.items()],
        )


def credited_messages(session: Session, shop_id: int, order_ids: Collection[int]) -> dict[int, int]:
    """Return the message that each of these orders is credited to, by order."""
    rows = session.exec(
        select(Attribution.order_id, Attribution.message_id).where(
            Attribution.shop_id == shop_id, col(Attribution.order_id).in_(sorted(order_ids))
        )
    )
    return dict(rows.all())


def earned_by_flow(
    session: Session, shop_id: int, since: datetime, until: datetime
) -> dict[int | None, tuple[int, int]]:
    """Orders and revenue that each flow's messages earned: {flow id: (orders, minor units)}."""
    rows = session.exec(
        select(Attribution.flow_id, func.count(), func.sum(Attribution.amount))
        .where(Attribution.shop_id == shop_id, Attribution.at >= since, Attribution.at < until)
        .group_by(col(Attribution.flow_id))
    )
    return {flow_id: (count, int(amount)) for flow_id, count, amount in rows}


def earned_by_action(session: Session, shop_id: int, flow_id: int) -> dict[str, tuple[int, int]]:
    """Orders and revenue that each message of a flow earned."""
    rows = session.exec(
        select(Attribution.action_id, func.count(), func.sum(Attribution.amount))
        .where(Attribution.shop_id == shop_id, Attribution.flow_id == flow_id)
        .group_by(Attribution.action_id)
    )
    return {action_id: (count, int(amount)) for action_id, count, amount in rows}


def attributions_of(session: Session, shop_id: int, message_ids: Sequence[int]) -> dict[int, int]:
    """What each of these messages earned, in minor units."""
    rows = session.exec(
        select(Attribution.message_id, func.sum(Attribution.amount))
        .where(Attribution.shop_id == shop_id, col(Attribution.message_id).in_(message_ids))
        .group_by(col(Attribution.message_id))
    )
    return {message_id: int(amount) for message_id, amount in rows}


def earned_by_day(
    session: Session, shop_id: int, edges: Sequence[datetime]
) -> dict[int, tuple[int, int]]:
    """Orders and revenue that messages earned on each day between edges."""
    rows = session.exec(
        select(day_of(Attribution.at, edges), func.count(), func.sum(Attribution.amount))
        .where(
            Attribution.shop_id == shop_id, Attribution.at >= edges[0], Attribution.at < edges[-1]
        )
        .group_by("day")
    )
    return {day: (count, int(amount)) for day, count, amount in rows}
