"""The inbox: every webhook delivery as it came, until it is digested, and what could not be."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import CursorResult, Index, LargeBinary, func, text, update
from sqlmodel import Field, Session, SQLModel, col, select

from storage import db
from storage.types import moment, shop_key

NEW, DONE, QUARANTINED = "new", "done", "quarantined"
LEASE_S = 30.0  # a digest of 500 takes well under a second; after this another worker may try


class Delivery(SQLModel, table=True):
    """One webhook delivery, raw. Its key is the storefront's own, so a redelivery is a no-op."""

    __table_args__ = (
        Index("delivery_new", "lease_until", postgresql_where=text("state = 'new'"),
              sqlite_where=text("state = 'new'")),
        Index("delivery_state", "shop_id", "state", "received_at"),
    )  # fmt: skip

    shop_id: int = shop_key()
    webhook_id: str = Field(primary_key=True, description="X-Shopify-Webhook-Id")
    topic: str
    api_version: str = ""
    triggered_at: str = Field(default="", description="X-Shopify-Triggered-At, as it came")
    received_at: datetime = moment()
    body: bytes = Field(sa_type=LargeBinary)
    state: str = NEW
    attempts: int = 0
    lease_until: float = 0.0
    error: str = Field(default="", description="why it lies in quarantine, for a person")


class Arrival(NamedTuple):
    """A delivery on its way in, in the order of the columns that `keep` writes."""

    shop_id: int
    webhook_id: str
    topic: str
    api_version: str
    triggered_at: str
    received_at: datetime
    body: bytes


def keep(session: Session, arrivals: Sequence[Arrival]) -> int:
    """Store deliveries, once each; how many of them were new."""
    result = session.connection().execute(
        db.insert(Delivery).on_conflict_do_nothing(), [a._asdict() for a in arrivals]
    )
    return max(result.rowcount, 0) if isinstance(result, CursorResult) else 0


def claim(session: Session, limit: int) -> list[Delivery]:
    """Lease up to `limit` undigested deliveries, oldest lease first, to the caller.

    Attempts are counted here, before the work, so that a delivery which kills its worker is
    counted too.
    """
    now = db.database_time(session)
    due = (
        select(Delivery.shop_id, Delivery.webhook_id)
        .where(Delivery.state == NEW, Delivery.lease_until < now)
        .order_by(col(Delivery.lease_until))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    keys = [
        tuple(row)
        for row in db.every_shop(session, due, "the inbox is digested in order of arrival")
    ]
    by_shop: dict[int, list[str]] = {}
    for shop_id, webhook_id in keys:
        by_shop.setdefault(shop_id, []).append(webhook_id)
    rows: list[Delivery] = []
    for shop_id, webhook_ids in by_shop.items():
        mine = (col(Delivery.shop_id) == shop_id, col(Delivery.webhook_id).in_(webhook_ids))
        session.connection().execute(
            update(Delivery)
            .where(*mine)
            .values(lease_until=now + LEASE_S, attempts=Delivery.attempts + 1)
        )
        rows += session.exec(select(Delivery).where(*mine)).all()
    return rows


def settle(
    session: Session, shop_id: int, webhook_ids: Sequence[str], state: str, error: str = ""
) -> None:
    """Mark deliveries as digested, or put them in quarantine with the reason."""
    session.connection().execute(
        update(Delivery)
        .where(col(Delivery.shop_id) == shop_id, col(Delivery.webhook_id).in_(webhook_ids))
        .values(state=state, error=error[:500])
    )


def offer_again(session: Session, shop_id: int, webhook_id: str) -> None:
    """Take a delivery out of quarantine and digest it once more."""
    session.connection().execute(
        update(Delivery)
        .where(col(Delivery.shop_id) == shop_id, col(Delivery.webhook_id) == webhook_id)
        .where(col(Delivery.state) == QUARANTINED)
        .values(state=NEW, error="", attempts=0, lease_until=0.0)
    )


def waiting(session: Session) -> bool:
    """Whether any delivery is ready to be digested."""
    query = (
        select(Delivery.webhook_id)
        .where(Delivery.state == NEW, Delivery.lease_until < db.database_time(session))
        .limit(1)
    )
    return bool(db.every_shop(session, query, "the clock looks for undigested deliveries").first())


def quarantined(session: Session, shop_id: int, limit: int = 100) -> Sequence[Delivery]:
    """A shop's deliveries that could not be digested, newest first."""
    return session.exec(
        select(Delivery)
        .where(Delivery.shop_id == shop_id, Delivery.state == QUARANTINED)
        .order_by(col(Delivery.received_at).desc())
        .limit(limit)
    ).all()


def get_delivery(session: Session, shop_id: int, webhook_id: str) -> Delivery | None:
    """One delivery."""
    return session.get(Delivery, (shop_id, webhook_id))


def count_by_state(session: Session, shop_id: int) -> dict[str, int]:
    """How many deliveries of a shop are new, done and quarantined."""
    rows = session.exec(
        select(Delivery.state, func.count())
        .where(Delivery.shop_id == shop_id)
        .group_by(Delivery.state)
    )
    return dict(rows.all())


def count_quarantined(session: Session, shop_id: int) -> int:
    """How many of a shop's deliveries could not be digested."""
    return session.exec(
        select(func.count()).where(Delivery.shop_id == shop_id, Delivery.state == QUARANTINED)
    ).one()
