"""Smart sending: whether a shopper was sent something lately."""

from datetime import datetime

from sqlalchemy import and_, or_, text
from sqlmodel import Session, col, select

from storage.engine import db
from storage.messages import Message, MessageState


def lock_recipient(session: Session, profile_id: int) -> None:
    """Let only this transaction decide whether a shopper gets a message: of two at the same moment
    the second sees the first.

    Senders alone take it, and nothing after it that they would wait for. SQLite has one writer
    anyway.
    """
    if not db.is_sqlite(db.engine()):
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": profile_id})


def sent_since(
    session: Session,
    shop_id: int,
    profile_id: int,
    channel: str,
    *,
    since: datetime,
    flow_id: int | None = None,
) -> bool:
    """Whether a shopper was, is being or may have been sent marketing on a channel lately; with a
    `flow_id` only that flow's counts.
    """
    unknown = (MessageState.SENDING, MessageState.AMBIGUOUS)
    found = session.exec(
        select(Message.id)
        .where(
            Message.shop_id == shop_id,
            Message.profile_id == profile_id,
            Message.channel == channel,
            col(Message.transactional).is_(False),
            *([] if flow_id is None else [Message.flow_id == flow_id]),
            or_(
                col(Message.sent_at) > since,
                and_(col(Message.state).in_(unknown), col(Message.due_at) > since),
            ),
        )
        .limit(1)
    )
    return found.first() is not None
