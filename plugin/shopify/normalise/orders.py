"""orders/…: orders in all their states, as create, updated, paid, fulfilled and cancelled tell."""

from typing import Any

from plugin.facts import EventFact, Facts, ProfileFact
from plugin.shopify.normalise.fields import (
    Payload,
    as_presented,
    buyer_keys,
    id_of,
    in_shop_money,
    known_fields,
    line_items,
    object_of,
    objects_of,
    reported_time,
    text_of,
)
from plugin.values import parse_time

FULFILLED = {
    "orders/fulfilled": "Fulfilled Order",
    "orders/partially_fulfilled": "Fulfilled Partial Order",
}


def normalise(topic: str, payload: Payload, currency: str) -> Facts:
    """Return the order, its buyer, `Placed Order`, one `Ordered Product` a line, `Cancelled Order`.

    An update may come before the order's creation, so each topic yields all of it.
    """
    order_id = id_of(payload, "id")
    placed = parse_time(payload.get("created_at"), "created_at")
    updated = parse_time(payload.get("updated_at"), "updated_at")
    currency = text_of(payload, "currency") or currency
    paid = payload.get("total_price_set")
    total = in_shop_money(paid, payload.get("total_price") or 0, currency, "total_price")
    cancelled = payload.get("cancelled_at")
    person = ProfileFact(
        # An order's own `token` is its public name, not its checkout's.
        identities=buyer_keys({**payload, "token": None, "order_id": order_id}),
        reported_at=updated,
        fields=known_fields(payload, object_of(payload, "customer")),
    )
    lines = line_items(payload, currency)
    order: dict[str, Any] = {
        "id": order_id,
        "number": text_of(payload, "name") or str(payload.get("order_number") or order_id),
        "placed_at": placed,
        "updated_at": updated,
        "reported_at": reported_time(payload, updated),
        "cancelled_at": parse_time(cancelled, "cancelled_at") if cancelled else None,
        "total": total,
        "currency": currency,
        "checkout_token": text_of(payload, "checkout_token") or None,
        "cart_token": text_of(payload, "cart_token") or None,
        "discount_codes": [text_of(code, "code") for code in objects_of(payload, "discount_codes")],
        "status_url": text_of(payload, "order_status_url"),
    }
    order_lines = [
        {
            "order_id": order_id,
            "line_id": index,
            "product_id": line["product_id"],
            "variant_id": line["variant_id"],
            "title": line["title"],
            "quantity": line["quantity"],
            "price": line["price"],
        }
        for index, line in enumerate(lines)
    ]
    named = {"order_id": order_id, "number": order["number"]}
    properties = {**named, **as_presented(paid, currency)}
    events = [
        EventFact(person, "Placed Order", str(order_id), placed, total, currency, dict(properties))
    ]
    events += [
        EventFact(
            person,
            "Ordered Product",
            f"{order_id}:{index}",
            placed,
            line["price"] * line["quantity"],
            currency,
            {
                **named,
                "title": line["title"],
                "product_id": line["product_id"],
                **as_presented(each.get("price_set"), currency, line["quantity"]),
            },
        )
        for index, (line, each) in enumerate(
            zip(lines, objects_of(payload, "line_items"), strict=True)
        )
    ]
    if metric := FULFILLED.get(topic):
        events.append(
            EventFact(person, metric, f"{order_id}:{topic}", updated, total, currency, properties)
        )
    if order["cancelled_at"]:
        at = order["cancelled_at"]
        events.append(
            EventFact(person, "Cancelled Order", str(order_id), at, total, currency, properties)
        )
    return Facts(profiles=[person], events=events, orders=[(person, order, order_lines)])
