"""orders/…: orders in all their states, as create, updated, paid, fulfilled and cancelled tell."""

from collections.abc import Mapping
from datetime import datetime

from plugin.facts import EventFact, Facts, ProfileFact
from plugin.shopify.normalise.fields import (
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
from storage.checkouts import LineItem
from storage.engine.types import JsonObject
from storage.orders import ReportedOrder, ReportedOrderLine

FULFILLED = {
    "orders/fulfilled": "Fulfilled Order",
    "orders/partially_fulfilled": "Fulfilled Partial Order",
}


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """Return the order, its buyer, `Placed Order`, one `Ordered Product` a line, `Cancelled Order`.

    An update may come before the order's creation, so each topic yields all of it.
    """
    updated = parse_time(payload.get("updated_at"), "updated_at")
    currency = text_of(payload, "currency") or currency
    order = _order_row(payload, updated, currency)
    person = ProfileFact(
        # An order's own `token` is its public name, not its checkout's.
        identities=buyer_keys({**payload, "token": None, "order_id": order["id"]}),
        reported_at=updated,
        fields=known_fields(payload, object_of(payload, "customer")),
    )
    lines = line_items(payload, currency)
    order_lines: list[ReportedOrderLine] = [
        {
            "order_id": order["id"],
            "line_id": index,
            "product_id": line["product_id"],
            "variant_id": line["variant_id"],
            "title": line["title"],
            "quantity": line["quantity"],
            "price": line["price"],
        }
        for index, line in enumerate(lines)
    ]
    named = {"order_id": order["id"], "number": order["number"]}
    placed, *later = _order_events(topic, payload, person, order, named=named)
    events = [placed, *_line_events(payload, person, order, named, lines=lines), *later]
    return Facts(profiles=[person], events=events, orders=[(person, order, order_lines)])


def _order_row(payload: JsonObject, updated: datetime, currency: str) -> ReportedOrder:
    order_id, cancelled = id_of(payload, "id"), payload.get("cancelled_at")
    total = payload.get("total_price") or 0
    return {
        "id": order_id,
        "number": text_of(payload, "name") or str(payload.get("order_number") or order_id),
        "placed_at": parse_time(payload.get("created_at"), "created_at"),
        "updated_at": updated,
        "reported_at": reported_time(payload, updated),
        "cancelled_at": parse_time(cancelled, "cancelled_at") if cancelled else None,
        "total": in_shop_money(payload.get("total_price_set"), total, currency, "total_price"),
        "currency": currency,
        "checkout_token": text_of(payload, "checkout_token") or None,
        "cart_token": text_of(payload, "cart_token") or None,
        "discount_codes": [text_of(code, "code") for code in objects_of(payload, "discount_codes")],
        "status_url": text_of(payload, "order_status_url"),
    }


def _order_events(
    topic: str,
    payload: JsonObject,
    person: ProfileFact,
    order: ReportedOrder,
    *,
    named: Mapping[str, object],
) -> list[EventFact]:
    """What the order itself comes to: placed, fulfilled, cancelled."""
    currency = order["currency"]
    properties = {**named, **as_presented(payload.get("total_price_set"), currency)}
    happened = [("Placed Order", str(order["id"]), order["placed_at"])]
    if metric := FULFILLED.get(topic):
        happened.append((metric, f"{order['id']}:{topic}", order["updated_at"]))
    if order["cancelled_at"]:
        happened.append(("Cancelled Order", str(order["id"]), order["cancelled_at"]))
    return [
        EventFact(person, metric, unique_id, at, order["total"], currency, dict(properties))
        for metric, unique_id, at in happened
    ]


def _line_events(
    payload: JsonObject,
    person: ProfileFact,
    order: ReportedOrder,
    named: Mapping[str, object],
    *,
    lines: list[LineItem],
) -> list[EventFact]:
    """One `Ordered Product` a line."""
    currency = order["currency"]
    return [
        EventFact(
            person,
            "Ordered Product",
            f"{order['id']}:{index}",
            order["placed_at"],
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
