"""The inbox: what becomes of each webhook: it is digested, once, or lies in quarantine."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Index, delete, func, text
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage.arrivals import (
    FIRST_PRIORITY,
    Arrival,
    NewDelivery,
    delete_arrivals,
    priority_of,
    take_in_arrivals,
)
from storage.engine import db
from storage.engine.types import arrival_key, enum_column, moment, shop_key

MAX_ERROR_CHARS = 500


class DeliveryState(StrEnum):
    """`new → done | quarantined`."""

    NEW = "new"
    DONE = "done"
    QUARANTINED = "quarantined"  # it could not be digested


class Delivery(SQLModel, table=True):
    """What became of one webhook. Its key is the storefront's own, so a redelivery is a no-op."""

    __table_args__ = (
        Index("delivery_new", "shop_id", "priority", "lease_until",
              postgresql_where=text("state = 'new'"), sqlite_where=text("state = 'new'")),
        Index("delivery_settled", "shop_id", "state", "received_at",
              postgresql_where=text("state <> 'new'"), sqlite_where=text("state <> 'new'")),
        {"sqlite_with_rowid": False},
    )  # fmt: skip

    shop_id: int = shop_key()
    webhook_id: str = Field(primary_key=True, description="X-Shopify-Webhook-Id")
    arrival_id: int = arrival_key()
    topic: str
    priority: int = FIRST_PRIORITY
    received_at: datetime = moment()
    state: DeliveryState = enum_column(DeliveryState, default=DeliveryState.NEW)
    attempts: int = 0
    lease_until: float = 0.0
    error: str = Field(default="", description="why it lies in quarantine, for a person")


def shops_before(session: Session, before: datetime, state: DeliveryState) -> list[int]:
    """Shops with something to delete among deliveries in a final state from before a moment: two
    looks at an index for each shop, and one at each delivery that was emptied in quarantine.
    """
    shop, at = col(Delivery.shop_id), col(Delivery.received_at)
    shops = columns(func.min(shop).label("shop_id")).cte("shops", recursive=True)
    after = columns(func.min(shop)).where(shop > shops.c.shop_id).scalar_subquery()
    shops = shops.union_all(columns(after).where(shops.c.shop_id.is_not(None)))
    oldest = (
        columns(at)
        .where(shop == shops.c.shop_id, *settled(state), *_expiring(shops.c.shop_id, state))
        .order_by(at)
        .limit(1)
    )
    query = columns(shops.c.shop_id).where(oldest.correlate(shops).scalar_subquery() < before)
    found = db.across_shops(session, query, "the clock enqueues jobs for expired deliveries")
    return list(found.scalars())


def _expiring(shop_id: object, state: DeliveryState) -> list[ColumnElement[bool]]:
    """What of a final state goes in time: digested deliveries, and what quarantined ones hold."""
    return [] if state == DeliveryState.DONE else [has_body(shop_id)]


def has_body(shop_id: object) -> ColumnElement[bool]:
    """Return the condition that a delivery of a shop was not emptied."""
    mine = (col(Arrival.shop_id) == shop_id, col(Delivery.shop_id) == col(Arrival.shop_id))
    came = col(Arrival.id) == col(Delivery.arrival_id)
    return columns(1).where(*mine, came, func.length(col(Arrival.body)) > 0).exists()


def delete_digested(session: Session, shop_id: int, before: datetime, limit: int) -> int:
    """Delete up to `limit` of a shop's digested deliveries from before a moment; how many."""
    old = (*settled(DeliveryState.DONE), col(Delivery.received_at) < before)
    return _delete_some(session, shop_id, limit, *old)


def delete_deliveries(session: Session, shop_id: int, limit: int) -> bool:
    """Delete up to `limit` of a shop's deliveries, whatever became of them; whether more may be
    left.
    """
    more = take_in_arrivals(session)
    return bool(_delete_some(session, shop_id, limit)) or more


def _delete_some(session: Session, shop_id: int, limit: int, *where: ColumnElement[bool]) -> int:
    mine = col(Delivery.shop_id) == shop_id
    some = columns(col(Delivery.webhook_id)).where(mine, *where).limit(limit)
    gone = session.connection().execute(
        delete(Delivery)
        .where(mine, col(Delivery.webhook_id).in_(some))
        .returning(col(Delivery.arrival_id))
    )
    ids = list(gone.scalars())
    delete_arrivals(session, shop_id, ids)
    return len(ids)


def active_topics(
    session: Session, shop_id: int, topics: Iterable[str], since: datetime
) -> set[str]:
    """Return those of some topics with a delivery to a shop since a moment."""
    brought = select(Delivery.topic).where(
        Delivery.shop_id == shop_id,
        Delivery.received_at >= since,
        col(Delivery.topic).in_(sorted(topics)),
    )
    states = (
        *(settled(state) for state in (DeliveryState.DONE, DeliveryState.QUARANTINED)),
        (col(Delivery.state) == DeliveryState.NEW,),
    )
    return {topic for state in states for topic in session.exec(brought.where(*state).distinct())}


def add_settled(
    session: Session, new: NewDelivery, state: DeliveryState, error: str = ""
) -> Delivery:
    """Store a delivery that is not to be digested."""
    arrival = Arrival(**new._asdict(), priority=priority_of(new.topic))
    session.add(arrival)
    session.flush()
    delivery = Delivery(
        shop_id=new.shop_id,
        webhook_id=new.webhook_id,
        arrival_id=arrival.id,
        topic=new.topic,
        priority=arrival.priority,
        received_at=new.received_at,
        state=state,
        error=error[:MAX_ERROR_CHARS],
    )
    session.add(delivery)
    session.flush()
    return delivery


def get_delivery(session: Session, shop_id: int, webhook_id: str) -> Delivery | None:
    """One delivery, once it is taken in."""
    return session.get(Delivery, (shop_id, webhook_id))


def settled(state: DeliveryState) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the condition that a delivery is in a final state, with a redundant part that lets
    SQLite use the index of these: it does not conclude from "it is done" that it is not new.
    """
    return col(Delivery.state) == state, col(Delivery.state) != DeliveryState.NEW
