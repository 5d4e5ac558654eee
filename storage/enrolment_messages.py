"""The messages of a shopper's time in a flow: those that wait, and whether any was sent."""

from collections.abc import Collection, Sequence

from sqlalchemy import func
from sqlmodel import Session, col, select

from storage.messages import Message, MessageState


def due_by_enrolment(
    session: Session, shop_id: int, profile_ids: Sequence[int]
) -> dict[int, list[Message]]:
    """Return the unsent messages that flows have queued for these shoppers, by enrolment."""
    found: dict[int, list[Message]] = {}
    for message in session.exec(
        select(Message)
        .where(
            Message.shop_id == shop_id,
            col(Message.profile_id).in_(sorted(set(profile_ids))),
            Message.state == MessageState.DUE,
        )
        .order_by(col(Message.id))  # as senders lock them
        .with_for_update()
    ):
        if message.enrolment_id is not None:
            found.setdefault(message.enrolment_id, []).append(message)
    return found


def enrolments_without_mail(
    session: Session, shop_id: int, profile_id: int, ids: Collection[int]
) -> set[int]:
    """Those of a shopper's enrolments that were to send something, and sent nothing."""
    sent = func.max(col(Message.sent_at))
    rows = session.exec(
        select(Message.enrolment_id)
        .where(
            Message.shop_id == shop_id,
            Message.profile_id == profile_id,
            col(Message.enrolment_id).in_(sorted(ids)),
        )
        .group_by(col(Message.enrolment_id))
        .having(sent.is_(None))
    )
    return {enrolment_id for enrolment_id in rows.all() if enrolment_id is not None}
