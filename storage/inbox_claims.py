"""Claims: deliveries are leased to one digest at a time, which settles them."""

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, not_, or_, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from storage import arrivals
from storage.arrivals import FIRST_PRIORITY, LATER_PRIORITY, take_in_arrivals
from storage.engine import bulk, db, leases
from storage.inbox import MAX_ERROR_CHARS, Delivery, DeliveryState

LEASE_S = 15.0  # a digest of 500 takes well under a second; after this another worker may try
# How many are tried together, by how often they were tried before: a delivery that kills its worker
# has few companions the second time and none from the third time on.
BATCH_SIZE_BY_ATTEMPT = (500, 20)
# One worker digests a shop at a time, for its batches wait for one another; yet the leases of one
# that died hold up the rest of its shop for no longer than this.
BUSY_TIMEOUT_S = 3.0
SHOPS_AT_ONCE = 50  # in one batch; the others have theirs in the next


class ClaimedDelivery(NamedTuple):
    """A delivery leased to a worker that digests it."""

    shop_id: int
    webhook_id: str
    topic: str
    triggered_at: str
    attempts: int
    body: bytes


def claim_deliveries(session: Session) -> list[ClaimedDelivery]:
    """Lease some undigested deliveries to the caller, of as many shops as wait, each its share.

    Whatever one shop sends, the others wait for one batch at the most, on SQLite for one more for
    each `TAKEN_IN_AT_ONCE` that lie before theirs when no worker ran. Shops that another worker is
    at are left to it.
    """
    take_in_arrivals(session)
    now = db.database_time(session)
    shops = _shops_waiting(session, now)
    random.shuffle(shops)
    rows: list[ClaimedDelivery] = []
    for place, shop_id in enumerate(shops[:SHOPS_AT_ONCE]):
        left = min(len(shops), SHOPS_AT_ONCE) - place
        share = -(-(BATCH_SIZE_BY_ATTEMPT[0] - len(rows)) // left)
        rows += _claim_of(session, shop_id, share, now)
    return rows


def _shops_waiting(session: Session, now: float) -> list[int]:
    """Return the shops that have undigested deliveries and none leased.

    One index lookup a shop, however many deliveries wait: a loose index scan
    (wiki.postgresql.org/wiki/Loose_indexscan).
    """
    new, shop = col(Delivery.state) == DeliveryState.NEW, col(Delivery.shop_id)
    first = columns(func.min(shop).label("shop_id")).where(new)
    shops = first.cte("shops", recursive=True)
    after = columns(func.min(shop)).where(new, shop > shops.c.shop_id).scalar_subquery()
    shops = shops.union_all(columns(after).where(shops.c.shop_id.is_not(None)))

    def has(turn: int, *leases: Any) -> Any:
        mine = (shop == shops.c.shop_id, new, col(Delivery.priority) == turn)
        return columns(1).select_from(Delivery).where(*mine, *leases).exists()

    until, turns = col(Delivery.lease_until), (FIRST_PRIORITY, LATER_PRIORITY)
    waits = [has(turn, lease) for turn in turns for lease in _ended(now)]
    begun = until.between(now + LEASE_S - BUSY_TIMEOUT_S, leases.latest_end(now))
    busy = [has(turn, begun) for turn in turns]
    query = columns(shops.c.shop_id).where(or_(*waits), not_(or_(*busy)))
    found = db.across_shops(session, query, "the inbox is digested for all shops in turn")
    return list(found.scalars())


def _ended(now: float) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The two conditions of `leases.is_over`, each of which is a range of the index."""
    until = col(Delivery.lease_until)
    return until < now, until > leases.latest_end(now)


def _claim_of(session: Session, shop_id: int, limit: int, now: float) -> list[ClaimedDelivery]:
    """Lease up to `limit` deliveries of one shop.

    Attempts are counted here, before the work, so that a delivery which kills its worker is
    counted too. Deliveries are leased together only with others that were tried as often.
    """
    asked = (
        select(Delivery.webhook_id, Delivery.attempts)
        .where(Delivery.shop_id == shop_id, Delivery.state == DeliveryState.NEW, lease)
        .order_by(col(Delivery.priority), col(Delivery.lease_until))
        .limit(limit)
        .with_for_update(skip_locked=True)
        for lease in _ended(now)
    )
    due = next((found for query in asked if (found := session.exec(query).all())), None)
    if not due:
        return []
    tried = due[0][1]
    most = BATCH_SIZE_BY_ATTEMPT[tried] if tried < len(BATCH_SIZE_BY_ATTEMPT) else 1
    alike = [webhook_id for webhook_id, attempts in due if attempts == tried][:most]
    leased = (
        session.connection()
        .execute(
            update(Delivery)
            .where(col(Delivery.shop_id) == shop_id, bulk.is_among(col(Delivery.webhook_id), alike))
            .values(lease_until=now + LEASE_S, attempts=Delivery.attempts + 1)
            .returning(*(col(each) for each in LEASED))
        )
        .all()
    )
    came = arrivals.get_arrivals(session, shop_id, [row.arrival_id for row in leased])
    return [
        ClaimedDelivery(
            shop_id, row.webhook_id, row.topic, came[row.arrival_id].triggered_at, row.attempts,
            came[row.arrival_id].body,
        )
        for row in leased
    ]  # fmt: skip


LEASED = (Delivery.webhook_id, Delivery.topic, Delivery.attempts, Delivery.arrival_id)


def refund_attempts(session: Session, shop_id: int, webhook_ids: Sequence[str]) -> None:
    """Take back that undigested deliveries were tried; their lease stays."""
    session.connection().execute(
        update(Delivery)
        .where(
            col(Delivery.shop_id) == shop_id, bulk.is_among(col(Delivery.webhook_id), webhook_ids)
        )
        .where(col(Delivery.state) == DeliveryState.NEW, col(Delivery.attempts) > 0)
        .values(attempts=Delivery.attempts - 1)
    )


def settle_deliveries(
    session: Session, shop_id: int, webhook_ids: Sequence[str], state: str, *, error: str = ""
) -> None:
    """Mark deliveries as digested, or put them in quarantine with the reason."""
    session.connection().execute(
        update(Delivery)
        .where(
            col(Delivery.shop_id) == shop_id, bulk.is_among(col(Delivery.webhook_id), webhook_ids)
        )
        .values(state=state, error=error[:MAX_ERROR_CHARS])
    )


def has_due(session: Session) -> bool:
    """Whether any delivery is ready to be digested."""
    if arrivals.has_untaken(session):
        return True
    query = (
        select(Delivery.webhook_id)
        .where(
            Delivery.state == DeliveryState.NEW,
            leases.is_over(Delivery.lease_until, db.database_time(session)),
        )
        .limit(1)
    )
    return bool(
        db.across_shops(session, query, "the clock looks for undigested deliveries").first()
    )


def has_undigested_before(session: Session, shop_id: int, moment: datetime) -> bool:
    """Whether any of a shop's deliveries of before a moment is still to be digested, or may be."""
    if arrivals.has_untaken_before(session, moment):
        return True
    query = (
        select(Delivery.webhook_id)
        .where(
            Delivery.shop_id == shop_id,
            Delivery.state == DeliveryState.NEW,
            Delivery.received_at < moment,
        )
        .limit(1)
    )
    return session.exec(query).first() is not None
