"""The inbox: every webhook delivery as it came, until it is digested, and what could not be."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import CursorResult, Index, LargeBinary, func, text, update
from sqlalchemy.exc import OperationalError
from sqlmodel import Field, Session, SQLModel, col, select

from storage import db
from storage.types import moment, shop_key

NEW, DONE, QUARANTINED = "new", "done", "quarantined"
LEASE_S = 15.0  # a digest of 500 takes well under a second; after this another worker may try
# How many are tried together, by how often they were tried before: a delivery that kills its worker
# has few companions the second time and none from the third time on.
TOGETHER = (500, 20)


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


def keep_now(arrivals: Sequence[Arrival]) -> None:
    """Store deliveries, once each, in a transaction of their own, which is durable on return.

    On SQLite past SQLAlchemy, which costs more than the rows: 130 µs of CPU instead of 520 for one
    delivery, 31 instead of 60 for each of twenty (measured).
    """
    if not db.is_sqlite(db.inbox_engine()):
        with db.inbox_transaction() as session:
            keep(session, arrivals)
        return
    connection = db.inbox_engine().raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        cursor.executemany(KEEP, [(*a[:-2], _sqlite_time(a.received_at), a.body) for a in arrivals])
        cursor.execute("COMMIT")
    except sqlite3.OperationalError as error:
        raise OperationalError(KEEP, None, error) from error
    finally:
        connection.close()  # back to the pool, which rolls back what was not committed


KEEP = """
INSERT INTO delivery
(shop_id, webhook_id, topic, api_version, triggered_at, received_at, body,
 state, attempts, lease_until, error)
VALUES (?, ?, ?, ?, ?, ?, ?, 'new', 0, 0.0, '')
ON CONFLICT DO NOTHING
"""


def _sqlite_time(at: datetime) -> str:
    """A moment as SQLAlchemy writes it into SQLite."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)  # as a rule it is: 1.5 µs instead of 4
    return utc.replace(tzinfo=None).isoformat(" ", "microseconds")


def claim(session: Session) -> list[Delivery]:
    """Lease some undigested deliveries, oldest lease first, to the caller.

    Attempts are counted here, before the work, so that a delivery which kills its worker is
    counted too. Deliveries are leased together only with others that were tried as often.
    """
    now = db.database_time(session)
    due = (
        select(Delivery.shop_id, Delivery.webhook_id, Delivery.attempts)
        .where(Delivery.state == NEW, Delivery.lease_until < now)
        .order_by(col(Delivery.lease_until))
        .limit(TOGETHER[0])
        .with_for_update(skip_locked=True)
    )
    found = db.every_shop(session, due, "the inbox is digested in order of arrival").all()
    tried = found[0].attempts if found else 0
    alike = [row for row in found if row.attempts == tried]
    by_shop: dict[int, list[str]] = {}
    for shop_id, webhook_id, _ in alike[: TOGETHER[tried] if tried < len(TOGETHER) else 1]:
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


def uncount(session: Session, shop_id: int, webhook_ids: Sequence[str]) -> None:
    """Take back that undigested deliveries were tried; their lease stays."""
    session.connection().execute(
        update(Delivery)
        .where(col(Delivery.shop_id) == shop_id, col(Delivery.webhook_id).in_(webhook_ids))
        .where(col(Delivery.state) == NEW, col(Delivery.attempts) > 0)
        .values(attempts=Delivery.attempts - 1)
    )


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


def behind(session: Session, shop_id: int, moment: datetime) -> bool:
    """Whether any of a shop's deliveries of before a moment is still to be digested."""
    query = (
        select(Delivery.webhook_id)
        .where(Delivery.shop_id == shop_id, Delivery.state == NEW, Delivery.received_at < moment)
        .limit(1)
    )
    return session.exec(query).first() is not None


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
