"""orders/…: orders in all their states, as create, updated, paid, fulfilled and cancelled tell.

What an order is worth changes: after an edit, a return or a refund Shopify's `current_total_price`
tells what is left of it, while `total_price` stays what was paid at the checkout.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from plugin.facts import EventFact, Facts, ProfileFact
from plugin.shopify.normalise.fields import (
    as_presented,
    buyer_fields,
    buyer_keys,
    id_of,
    in_shop_money,
    objects_of,
    reported_time,
    text_of,
)
from plugin.shopify.normalise.order_lines import SoldLine, is_shipped, sold_lines
from plugin.values import parse_time
from storage.engine.types import JsonObject
from storage.orders import ReportedOrder
from storage.profiles import STRONG

FULFILLED, PARTLY_FULFILLED = "orders/fulfilled", "orders/partially_fulfilled"
# Between when an order was placed and when it came into Shopify; a till without a connection tells
# its orders within hours.
IMPORTED_AFTER = timedelta(days=1)
IMPORTED = "imported"  # a property of `Placed Order`
AMOUNTS = {"discounts": "total_discounts", "tax": "total_tax", "tip": "total_tip_received"}


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """Return the order, its buyer, `Placed Order`, one `Ordered Product` a line, `Cancelled Order`.

    An update may come before the order's creation, so each topic yields all of it. A test order
    (`test`: Bogus Gateway, test mode) says nothing: it cannot become a real one, nor the reverse.
    """
    if payload.get("test") is True:
        return Facts()
    updated = parse_time(payload.get("updated_at"), "updated_at")
    currency = text_of(payload, "currency") or currency
    order = _order_row(payload, updated, currency)
    person = ProfileFact(
        # An order's own `token` is its public name, not its checkout's.
        identities=buyer_keys({**payload, "token": None, "order_id": order["id"]}),
        reported_at=updated,
        fields=buyer_fields(payload),
    )
    person.makes_profile = any(key.kind in STRONG for key in person.identities)
    lines = sold_lines(payload, order["id"], currency)
    named = {"order_id": order["id"], "number": order["number"]}
    placed = _placed(payload, person, order, lines)
    events = [
        placed,
        *(_ordered(line, person, order, named) for line in lines),
        *_later(topic, payload, person, order, named=named),
    ]
    left = [line.row for line in lines if line.row["quantity"]]
    facts = Facts(profiles=[person], events=events, orders=[(person, order, left)])
    created = payload.get("created_at")
    if created and parse_time(created, "created_at") - order["placed_at"] > IMPORTED_AFTER:
        facts.placed_elsewhere.add(order["id"])
        placed.properties[IMPORTED] = True
    return facts


def _order_row(payload: JsonObject, updated: datetime, currency: str) -> ReportedOrder:
    order_id, cancelled = id_of(payload, "id"), payload.get("cancelled_at")
    # An order that was brought from another system was placed when that one says.
    placed = "processed_at" if payload.get("processed_at") else "created_at"
    return {
        "id": order_id,
        "number": text_of(payload, "name") or str(payload.get("order_number") or order_id),
        "placed_at": parse_time(payload.get(placed), placed),
        "updated_at": updated,
        "reported_at": reported_time(payload, updated),
        "cancelled_at": parse_time(cancelled, "cancelled_at") if cancelled else None,
        "total": _money(payload, "current_total_price", currency, _total(payload, currency)),
        "currency": currency,
        "checkout_token": text_of(payload, "checkout_token") or None,
        "cart_token": text_of(payload, "cart_token") or None,
        "discount_codes": [text_of(code, "code") for code in objects_of(payload, "discount_codes")],
        "status_url": text_of(payload, "order_status_url"),
    }


def _money(payload: JsonObject, name: str, currency: str, otherwise: int = 0) -> int:
    """An amount in the shop's money: of `…_set`, of the plain field, or else another one."""
    bag, plain = payload.get(f"{name}_set"), payload.get(name)
    if not bag and plain is None:
        return otherwise
    return in_shop_money(bag, plain or 0, currency, name)


def _total(payload: JsonObject, currency: str) -> int:
    return _money(payload, "total_price", currency)


def _placed(
    payload: JsonObject, person: ProfileFact, order: ReportedOrder, lines: list[SoldLine]
) -> EventFact:
    """`Placed Order`, worth what the order is worth now; `ordered_value` where that has changed."""
    currency, ordered = order["currency"], _total(payload, order["currency"])
    value = 0 if order["cancelled_at"] else order["total"]
    left = [line.described() for line in lines if line.row["quantity"]]
    tags = text_of(payload, "tags")
    amounts = {name: _money(payload, field, currency) for name, field in AMOUNTS.items()}
    amounts["shipping"] = in_shop_money(
        payload.get("total_shipping_price_set"), 0, currency, "total_shipping_price_set"
    )
    properties = {
        "order_id": order["id"],
        "number": order["number"],
        "source_name": text_of(payload, "source_name"),
        "discount_codes": order["discount_codes"],
        "tags": sorted(tag.strip() for tag in tags.split(",") if tag.strip()),
        "lines": left,
        "item_count": sum(line.row["quantity"] for line in lines),
        **{name: amount for name, amount in amounts.items() if amount},
        **({"ordered_value": ordered} if ordered != value else {}),
        **as_presented(payload.get("total_price_set"), currency),
    }
    return EventFact(
        person, "Placed Order", str(order["id"]), order["placed_at"], value, currency, properties
    )


def _ordered(
    line: SoldLine, person: ProfileFact, order: ReportedOrder, named: Mapping[str, object]
) -> EventFact:
    """One `Ordered Product`, worth what is left of the line."""
    row = line.row
    return EventFact(
        person,
        "Ordered Product",
        f"{order['id']}:{row['line_id']}",
        order["placed_at"],
        0 if order["cancelled_at"] else row["price"] * row["quantity"],
        order["currency"],
        {**named, **line.described(), **line.details, "quantity": line.ordered},
    )


def _later(
    topic: str,
    payload: JsonObject,
    person: ProfileFact,
    order: ReportedOrder,
    *,
    named: Mapping[str, object],
) -> list[EventFact]:
    """What became of the order: fulfilled, each of its parcels, cancelled."""
    currency = order["currency"]
    properties = {**named, **as_presented(payload.get("total_price_set"), currency)}
    happened: list[tuple[str, str, datetime]] = []
    if topic == FULFILLED and _has_goods(payload):
        happened.append(("Fulfilled Order", f"{order['id']}:{topic}", order["updated_at"]))
    if topic == PARTLY_FULFILLED:
        sent = objects_of(payload, "fulfillments")
        happened += [
            ("Fulfilled Partial Order", f"{order['id']}:{id_of(each, 'id')}", _sent_at(each, order))
            for each in sent
            if is_shipped(each)
        ]
        if not sent:
            whole = f"{order['id']}:{topic}"
            happened.append(("Fulfilled Partial Order", whole, order["updated_at"]))
    if order["cancelled_at"]:
        happened.append(("Cancelled Order", str(order["id"]), order["cancelled_at"]))
    return [
        EventFact(
            person, metric, unique_id, at, _total(payload, currency), currency, dict(properties)
        )
        for metric, unique_id, at in happened
    ]


def _sent_at(fulfilment: JsonObject, order: ReportedOrder) -> datetime:
    created = fulfilment.get("created_at")
    return parse_time(created, "fulfillments.created_at") if created else order["updated_at"]


def _has_goods(payload: JsonObject) -> bool:
    """Whether anything in an order is more than a gift card."""
    return any(line.get("gift_card") is not True for line in objects_of(payload, "line_items"))
