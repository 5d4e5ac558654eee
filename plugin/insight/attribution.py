"""Attribute an order to the message that earned it, if any.

A click earns the orders within the shop's window, by default five days (Klaviyo's default for
email); opens earn nothing, because mail programs open mails by themselves.
"""

from datetime import timedelta

from sqlmodel import Session

from plugin.settings import get_settings
from storage import attributions, coupons, messages
from storage.events import EventRow


def credit_order(session: Session, shop_id: int, event: EventRow) -> None:
    """Credit a `Placed Order` event (a row of `event`) to the message that was clicked last before
    it; without a click, to the message that carried the discount code used.
    """
    window = timedelta(days=get_settings().attribution_days)
    message = messages.last_clicked(
        session, shop_id, event["profile_id"], event["occurred_at"], window=window
    )
    order_id = int(event["unique_id"])
    if message is None and (key := coupons.redeemed_key(session, shop_id, order_id)):
        message = messages.message_by_key(session, shop_id, key)
    if message is None:
        return
    assert event["value"] is not None  # an order has a total
    assert event["currency"] is not None
    attributions.add_attribution(
        session,
        {
            "shop_id": shop_id,
            "order_id": order_id,
            "message_id": message.id,
            "flow_id": message.flow_id,
            "action_id": message.action_id,
            "amount": event["value"],
            "currency": event["currency"],
            "at": event["occurred_at"],
        },
    )
