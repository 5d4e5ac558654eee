"""Failed webhooks: deliveries that could not be digested, for a merchant to look at.

Beside them lie records that were read of the storefront's API and could not be parsed.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from storage.arrivals import Arrival, NewDelivery, empty_arrivals
from storage.inbox import MAX_ERROR_CHARS, Delivery, DeliveryState, add_settled, has_body, settled


def offer_again(session: Session, shop_id: int, webhook_id: str) -> None:
    """Take a delivery out of quarantine and digest it once more, unless it was emptied."""
    _release(session, shop_id, col(Delivery.webhook_id) == webhook_id)


def offer_all_again(session: Session, shop_id: int, topic: str = "", reason: str = "") -> int:
    """As `offer_again`, for all of a shop's, or those of a topic or with some words in their
    reason; how many.
    """
    which = [col(Delivery.topic) == topic] if topic else []
    if reason:
        which.append(col(Delivery.error).icontains(reason, autoescape=True))
    return _release(session, shop_id, *which)


def _release(session: Session, shop_id: int, *which: ColumnElement[bool]) -> int:
    released = session.connection().execute(
        update(Delivery)
        .where(
            col(Delivery.shop_id) == shop_id,
            *settled(DeliveryState.QUARANTINED),
            has_body(shop_id),
            *which,
        )
        .values(state=DeliveryState.NEW, error="", attempts=0, lease_until=0.0)
    )
    return released.rowcount


def quarantined_by_reason(
    session: Session, shop_id: int, limit: int = 50
) -> Sequence[tuple[str, str, int]]:
    """(topic, reason, how many) of a shop's failed webhooks, the most frequent first."""
    count = func.count()
    return session.exec(
        select(Delivery.topic, Delivery.error, count)
        .where(Delivery.shop_id == shop_id, *settled(DeliveryState.QUARANTINED))
        .group_by(Delivery.topic, Delivery.error)
        .order_by(count.desc(), Delivery.topic)
        .limit(limit)
    ).all()


def empty_quarantined(session: Session, shop_id: int, before: datetime, limit: int) -> int:
    """Empty up to `limit` deliveries in quarantine from before a moment; how many.

    Their topics, times and errors stay.
    """
    old = (
        columns(col(Delivery.arrival_id))
        .where(
            col(Delivery.shop_id) == shop_id,
            *settled(DeliveryState.QUARANTINED),
            col(Delivery.received_at) < before,
            has_body(shop_id),
        )
        .limit(limit)
    )
    ids = list(session.connection().execute(old).scalars())
    empty_arrivals(session, shop_id, ids)
    return len(ids)


def quarantined(session: Session, shop_id: int, limit: int = 100) -> Sequence[Delivery]:
    """A shop's deliveries that could not be digested, newest first."""
    return session.exec(
        select(Delivery)
        .where(Delivery.shop_id == shop_id, *settled(DeliveryState.QUARANTINED))
        .order_by(col(Delivery.received_at).desc())
        .limit(limit)
    ).all()


def count_quarantined(session: Session, shop_id: int, topic: str = "") -> int:
    """How many of a shop's deliveries could not be digested and can be tried again, all or those of
    a topic.
    """
    query = select(func.count()).where(
        Delivery.shop_id == shop_id, *settled(DeliveryState.QUARANTINED), has_body(shop_id)
    )
    return session.exec(query.where(Delivery.topic == topic) if topic else query).one()


def quarantine_node(session: Session, row: NewDelivery, error: str, *, has_room: bool) -> bool:
    """Put a record that was read into quarantine, or bring it up to date there; whether it is new.

    One that is being tried again is left alone. Without room only known ones are kept.
    """
    held = session.get(Delivery, (row.shop_id, row.webhook_id))
    if held is None:
        if has_room:
            add_settled(session, row, DeliveryState.QUARANTINED, error)
        return has_room
    came = session.exec(
        select(Arrival).where(Arrival.shop_id == row.shop_id, Arrival.id == held.arrival_id)
    ).one()
    is_known = held.state == DeliveryState.QUARANTINED and came.body == row.body
    if is_known or held.state == DeliveryState.NEW:
        return False
    is_new = held.state != DeliveryState.QUARANTINED
    held.error, held.state = error[:MAX_ERROR_CHARS], DeliveryState.QUARANTINED
    came.body, came.triggered_at = row.body, row.triggered_at
    came.received_at = held.received_at = row.received_at
    session.flush()
    return is_new


def release_nodes(session: Session, shop_id: int, topic: str, keys: Sequence[str]) -> None:
    """Take records of a topic out of quarantine that could be parsed since, and empty them."""
    released = session.connection().execute(
        update(Delivery)
        .where(
            col(Delivery.shop_id) == shop_id,
            col(Delivery.topic) == topic,
            col(Delivery.webhook_id).in_(keys),
            col(Delivery.state) == DeliveryState.QUARANTINED,
        )
        .values(state=DeliveryState.DONE, error="")
        .returning(col(Delivery.arrival_id))
    )
    empty_arrivals(session, shop_id, list(released.scalars()))
