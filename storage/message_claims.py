"""Who works at which message: due messages are offered, claimed and given back."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col, select

from storage.channels import Channel
from storage.engine import db, leases
from storage.engine.leases import Claim
from storage.messages import LEASE_S, Message, MessageState


def claim_due(
    session: Session, now: datetime, limit: int, *, transactional: bool
) -> list[tuple[int, int]]:
    """Lease up to `limit` due messages of all shops; (shop id, message id), the earliest first.

    Args:
        transactional: only those that a shopper waits for; else only the others.
    """
    kind = col(Message.transactional).is_(transactional)
    return leases.claim_due(
        session, Message, MessageState.DUE, now, kind, limit=limit, seconds=LEASE_S, claimed=False
    )


def still_due(
    session: Session, shop_id: int, ids: Sequence[int], now: datetime
) -> Sequence[tuple[int, int, Channel]]:
    """Return those of a shop's messages that are still unsent, the earliest first: (id, tries,
    channel).
    """
    rows = session.exec(
        select(Message.id, Message.crashes, Message.channel)
        .where(
            Message.shop_id == shop_id,
            col(Message.id).in_(ids),
            Message.state == MessageState.DUE,
            Message.due_at <= now,
        )
        .order_by(col(Message.due_at), col(Message.id))
    )
    return [(message_id, crashes, Channel(channel)) for message_id, crashes, channel in rows]


def start_claim(session: Session, shop_id: int, ids: Sequence[int]) -> Claim:
    """Count an attempt at these messages and lease those that are free."""
    return leases.start_claim(session, Message, "crashes", shop_id, ids=ids, seconds=LEASE_S)


def refund_attempt(session: Session, shop_id: int, begun: Claim) -> None:
    """Take back that these messages were tried."""
    leases.refund_attempt(session, Message, "crashes", shop_id, begun=begun)


def put_off(
    session: Session, shop_id: int, ids: Sequence[int], *, until: datetime, reason: str
) -> None:
    """Make messages that no worker has claimed due later, for a reason that they share."""
    session.connection().execute(
        update(Message)
        .where(
            col(Message.shop_id) == shop_id,
            col(Message.id).in_(ids),
            col(Message.state) == MessageState.DUE,
        )
        .where(
            col(Message.claimed).is_(False) | (col(Message.lease_until) < db.database_time(session))
        )
        .values(due_at=until, skip_reason=reason, lease_until=0.0)
    )


def release_claim(session: Session, shop_id: int, ids: Sequence[int]) -> None:
    """Release messages that were offered and not claimed, so that they are offered anew at once."""
    session.connection().execute(
        update(Message)
        .where(
            col(Message.shop_id) == shop_id,
            col(Message.id).in_(ids),
            col(Message.state) == MessageState.DUE,
        )
        .where(col(Message.claimed).is_(False))
        .values(lease_until=0.0)
    )


def make_due(
    session: Session, shop_id: int, reason: str, now: datetime, *, wait: timedelta
) -> Sequence[int]:
    """Make due what was put off for a reason, `wait` at most, and say which messages those are."""
    woken = session.connection().execute(
        update(Message)
        .where(
            col(Message.shop_id) == shop_id,
            col(Message.state) == MessageState.DUE,
            col(Message.due_at) > now,
            col(Message.due_at) <= now + wait,
            col(Message.skip_reason) == reason,
        )
        .values(due_at=now)
        .returning(db.table_of(Message).c.id)
    )
    return woken.scalars().all()


def claim_stuck(session: Session, limit: int) -> list[tuple[int, int]]:
    """Return (shop id, message id) of messages that lost their sender between `sending` and the
    answer.
    """
    stuck = (
        select(Message.shop_id, Message.id)
        .where(
            Message.state == MessageState.SENDING,
            leases.is_over(Message.lease_until, db.database_time(session)),
        )
        .limit(limit)
    )
    rows = db.across_shops(session, stuck, "the clock looks for messages in doubt")
    return [(row[0], row[1]) for row in rows]
