"""orders/…: orders in all their states, as create, updated, paid, fulfilled and cancelled tell."""

from typing import Any

from plugin.facts import Did, Facts, Person, moment
from plugin.shopify.normalise.fields import (
    Payload,
    as_presented,
    buyer_keys,
    in_shop_money,
    known_fields,
    line_items,
    number,
    part,
    rows,
    text,
    told,
)

FULFILLED = {
    "orders/fulfilled": "Fulfilled Order",
    "orders/partially_fulfilled": "Fulfilled Partial Order",
}


def normalise(topic: str, payload: Payload, currency: str) -> Facts:
    """The order, its buyer, `Placed Order`, one `Ordered Product` a line, `Cancelled Order`.

    An update may come before the order's creation, so each topic tells all of it.
    """
    order_id = number(payload, "id")
    placed = moment(payload.get("created_at"), "created_at")
    updated = moment(payload.get("updated_at"), "updated_at")
    currency = text(payload, "currency") or currency
    paid = payload.get("total_price_set")
    total = in_shop_money(paid, payload.get("total_price") or 0, currency, "total_price")
    cancelled = payload.get("cancelled_at")
    person = Person(
        # An order's own `token` is its public name, not its checkout's.
        keys=buyer_keys({**payload, "token": None, "order_id": order_id}),
        at=updated,
        fields=known_fields(payload, part(payload, "customer")),
    )
    lines = line_items(payload, currency)
    order: dict[str, Any] = {
        "id": order_id,
        "number": text(payload, "name") or str(payload.get("order_number") or order_id),
        "placed_at": placed,
        "updated_at": updated,
        "told_at": told(payload, updated),
        "cancelled_at": moment(cancelled, "cancelled_at") if cancelled else None,
        "total": total,
        "currency": currency,
        "checkout_token": text(payload, "checkout_token") or None,
        "cart_token": text(payload, "cart_token") or None,
        "discount_codes": [text(code, "code") for code in rows(payload, "discount_codes")],
        "status_url": text(payload, "order_status_url"),
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
    said = {**named, **as_presented(paid, currency)}
    events = [Did(person, "Placed Order", str(order_id), placed, total, currency, dict(said))]
    events += [
        Did(
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
        for index, (line, each) in enumerate(zip(lines, rows(payload, "line_items"), strict=True))
    ]
    if metric := FULFILLED.get(topic):
        events.append(Did(person, metric, f"{order_id}:{topic}", updated, total, currency, said))
    if order["cancelled_at"]:
        at = order["cancelled_at"]
        events.append(Did(person, "Cancelled Order", str(order_id), at, total, currency, said))
    return Facts(people=[person], events=events, orders=[(person, order, order_lines)])
