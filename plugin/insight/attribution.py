"""Attribute an order to the message that earned it, if any.

A click earns the orders within the shop's window, by default five days (Klaviyo's default for
email); opens earn nothing, because mail programs open mails by themselves. Nothing is earned by an
order that was cancelled, by one that a subscription made by itself, nor by one that was brought
from another system.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from sqlmodel import Session

from plugin.settings import get_settings
from storage import attributions, coupons, events, messages, orders
from storage.attributions import AttributionRow
from storage.engine.types import JsonObject
from storage.messages import Message
from storage.orders import Order

# Until 2025 subscription_contract, since then subscription_contract_checkout_one; the first order
# of a subscription comes from the checkout like any other.
RENEWAL_SOURCE = "subscription_contract"


def credit_orders(session: Session, shop_id: int, order_ids: Collection[int]) -> None:
    """Credit new orders to the messages that earned them."""
    _save(session, shop_id, _earning(session, shop_id, order_ids))


def credit_again(session: Session, shop_id: int, profile_ids: Collection[int]) -> None:
    """Credit all orders of shoppers anew, after a merge gave them clicks or orders, or took some.

    What a message earned that has been erased since stays: it cannot be told better now.
    """
    mine = orders.orders_of(session, shop_id, profile_ids)
    if not mine:
        return
    earned = _earning(session, shop_id, mine)
    held = attributions.credited_messages(session, shop_id, set(mine) - earned.keys())
    there = messages.known_messages(session, shop_id, set(held.values()))
    lost = [order_id for order_id, message_id in held.items() if message_id in there]
    attributions.delete_attributions(session, shop_id, lost)
    _save(session, shop_id, earned)


def change_credits(session: Session, shop_id: int, changed: Collection[int]) -> None:
    """Let credits follow orders that are worth more or less now; a cancelled one has none."""
    found = orders.orders_by_id(session, shop_id, list(changed)).values()
    gone = [order.id for order in found if order.cancelled_at is not None]
    attributions.delete_attributions(session, shop_id, gone)
    worth = {order.id: order.total for order in found if order.cancelled_at is None}
    attributions.change_amounts(session, shop_id, worth)


def _earning(
    session: Session, shop_id: int, order_ids: Collection[int]
) -> dict[int, tuple[Order, Message]]:
    """Return the orders that messages earned: each with the one that was clicked last before it;
    without a click, with the one that carried the discount code used.
    """
    found = orders.orders_by_id(session, shop_id, list(order_ids))
    placed = events.descriptions(session, shop_id, "Placed Order", [str(each) for each in found])
    by_itself = {int(key) for key, event in placed.items() if _came_by_itself(event["properties"])}
    able = [o for o in found.values() if o.cancelled_at is None and o.id not in by_itself]
    chosen = _clicked(session, shop_id, [order for order in able if order.profile_id is not None])
    keys = coupons.redeemed_keys(
        session, shop_id, [order.id for order in able if order.id not in chosen]
    )
    carriers = messages.messages_by_key(session, shop_id, keys.values()) if keys else {}
    chosen |= {order: carriers[key] for order, key in keys.items() if key in carriers}
    return {order.id: (order, chosen[order.id]) for order in able if order.id in chosen}


def _came_by_itself(placed: JsonObject) -> bool:
    """Whether no message can have brought an order, by what its `Placed Order` says."""
    source = str(placed.get("source_name") or "")
    return source.startswith(RENEWAL_SOURCE) or bool(placed.get("imported"))


def _clicked(session: Session, shop_id: int, placed: Sequence[Order]) -> dict[int, Message]:
    """Return the message that was clicked last before each order, within the window."""
    if not placed:
        return {}
    window = timedelta(days=get_settings().attribution_days)
    times = [order.placed_at for order in placed]
    buyers = {order.profile_id for order in placed if order.profile_id is not None}
    clicks = messages.clicked_by(
        session, shop_id, buyers, since=min(times) - window, until=max(times)
    )
    found: dict[int, Message] = {}
    for order in placed:
        for message in clicks:
            assert message.clicked_at is not None  # that is how it was found
            if (
                message.profile_id == order.profile_id
                and order.placed_at - window <= message.clicked_at <= order.placed_at
            ):
                found[order.id] = message
    return found


def _save(session: Session, shop_id: int, earned: Mapping[int, tuple[Order, Message]]) -> None:
    rows: list[AttributionRow] = [
        {
            "shop_id": shop_id,
            "order_id": order.id,
            "message_id": message.id,
            "flow_id": message.flow_id,
            "action_id": message.action_id,
            "amount": order.total,
            "currency": order.currency,
            "at": order.placed_at,
        }
        for order, message in earned.values()
    ]
    attributions.save_attributions(session, rows)
