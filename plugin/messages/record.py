"""What happened to a message, as an event of the shopper's, once for each `unique_id`."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from storage.engine.ids import new_id
from storage.events import EventRow, add_events
from storage.messages import Message


def record_message_event(
    session: Session, message: Message, metric: str, unique_id: str, *, at: datetime, **more: Any
) -> bool:
    """Add the event; whether it was new."""
    row: EventRow = {
        "shop_id": message.shop_id,
        "id": new_id(),
        "profile_id": message.profile_id,
        "source_profile_id": message.source_profile_id,
        "metric": metric,
        "unique_id": unique_id,
        "occurred_at": at,
        "value": None,
        "currency": None,
        "properties": {
            "message_id": str(message.id),
            "flow_id": None if message.flow_id is None else str(message.flow_id),
            "action_id": message.action_id,
            "subject": message.subject,
            **more,
        },
    }
    return bool(add_events(session, [row]))
