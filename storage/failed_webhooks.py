"""Failed webhooks: deliveries that could not be digested, for a merchant to look at."""

from collections.abc import Sequence

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from storage.inbox import Delivery, DeliveryState, settled


def offer_again(session: Session, shop_id: int, webhook_id: str) -> None:
    """Take a delivery out of quarantine and digest it once more."""
    session.connection().execute(
        update(Delivery)
        .where(col(Delivery.shop_id) == shop_id, col(Delivery.webhook_id) == webhook_id)
        .where(col(Delivery.state) == DeliveryState.QUARANTINED)
        .values(state=DeliveryState.NEW, error="", attempts=0, lease_until=0.0)
    )


def quarantined(session: Session, shop_id: int, limit: int = 100) -> Sequence[Delivery]:
    """A shop's deliveries that could not be digested, newest first."""
    return session.exec(
        select(Delivery)
        .where(Delivery.shop_id == shop_id, *settled(DeliveryState.QUARANTINED))
        .order_by(col(Delivery.received_at).desc())
        .limit(limit)
    ).all()


def count_quarantined(session: Session, shop_id: int) -> int:
    """How many of a shop's deliveries could not be digested."""
    return session.exec(
        select(func.count()).where(Delivery.shop_id == shop_id, *settled(DeliveryState.QUARANTINED))
    ).one()
