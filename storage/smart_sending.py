"""Smart sending: whether a shopper was sent something lately."""

from datetime import datetime

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from storage.messages import Message, MessageState


def sent_since(
    session: Session, shop_id: int, profile_id: int, channel: str, *, since: datetime
) -> bool:
    """Whether a shopper was, is being or may have been sent marketing on a channel lately."""
    unknown = (MessageState.SENDING, MessageState.AMBIGUOUS)
    found = session.exec(
        select(Message.id)
        .where(
            Message.shop_id == shop_id,
            Message.profile_id == profile_id,
            Message.channel == channel,
            col(Message.transactional).is_(False),
            or_(
                col(Message.sent_at) > since,
                and_(col(Message.state).in_(unknown), col(Message.due_at) > since),
            ),
        )
        .limit(1)
    )
    return found.first() is not None


def flow_has_sent(
    session: Session, shop_id: int, profile_id: int, flow_id: int, *, since: datetime
) -> bool:
    """Whether a flow has queued a shopper a message after a moment that may have reached them."""
    found = session.exec(
        select(Message.id)
        .where(
            Message.shop_id == shop_id,
            Message.profile_id == profile_id,
            Message.flow_id == flow_id,
            col(Message.created_at) > since,
            col(Message.state).not_in((MessageState.SKIPPED, MessageState.FAILED)),
        )
        .limit(1)
    )
    return found.first() is not None
