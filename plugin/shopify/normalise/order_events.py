"""Changes of an order: refunds, transactions, fulfilments, parcels in transit, returns.

These name the order and no customer; the order names its customer, before or after them.
"""

from datetime import UTC, datetime

from plugin import facts
from plugin.facts import EventFact, Facts, ProfileFact
from plugin.shopify.normalise.fields import gid, id_of, object_of, objects_of, text_of
from plugin.shopify.normalise.order_lines import is_shipped
from plugin.shopify.normalise.refunds import refunded
from plugin.values import parse_time, to_minor_units
from storage.engine.types import JsonObject
from storage.orders import ReportedOrder
from storage.profiles import RecordKind

# That a carrier confirmed a parcel is told by its fulfilment, with the numbers to follow it by.
PARCEL = {
    "out_for_delivery": "Marked Out for Delivery",
    "delivered": "Delivered Shipment",
}
RETURN = {
    "returns/request": "Requested Return",
    "returns/approve": "Approved Return",
    "returns/decline": "Declined Return",
    "returns/cancel": "Cancelled Return",
    "returns/close": "Closed Return",
    "returns/reopen": "Reopened Return",
}


def edits(topic: str, payload: JsonObject, currency: str) -> Facts:
    """orders/edited: `Edited Order`. The items that it has now come with orders/updated."""
    edit = object_of(payload, "order_edit")
    at = parse_time(edit.get("committed_at") or edit.get("created_at"), "order_edit.created_at")
    person = _buyer(id_of(edit, "order_id"), at)
    lines = object_of(edit, "line_items")
    properties = {"order_id": edit["order_id"]}
    for name in ("additions", "removals"):
        properties[name] = sum(int(line.get("delta") or 0) for line in objects_of(lines, name))
    event = EventFact(person, "Edited Order", str(id_of(edit, "id")), at, properties=properties)
    return Facts(profiles=[person], events=[event])


def deletions(topic: str, payload: JsonObject, currency: str) -> Facts:
    """orders/delete: an order without value, for good, even if a late webhook reports one.

    Its payload has no more than the id; the order itself stays on the timeline.
    """
    order_id = id_of(payload, "id")
    at = parse_time(payload.get("triggered_at"), "X-Shopify-Triggered-At")
    person = _buyer(order_id, at)
    gone: ReportedOrder = {
        "id": order_id,
        "number": str(order_id),
        "placed_at": at,
        "updated_at": at,
        "reported_at": at,
        "cancelled_at": at,
        "total": 0,
        "currency": currency,
        "checkout_token": None,
        "cart_token": None,
        "discount_codes": [],
        "status_url": "",
    }
    event = EventFact(person, "Deleted Order", str(order_id), at, properties={"order_id": order_id})
    return Facts(profiles=[person], events=[event], orders=[(person, gone, [])])


def refunds(topic: str, payload: JsonObject, currency: str) -> Facts:
    """refunds/create: `Refunded Order`, worth what goes back.

    It comes once, while many gateways still have the money on its way (`pending`); what failed
    counts nothing. Transactions are in the currency that was paid in: see `refunded`.
    """
    given = [paid for paid in objects_of(payload, "transactions") if paid.get("kind") == "refund"]
    if given and all(paid.get("test") is True for paid in given):
        return Facts()
    at = parse_time(payload.get("processed_at") or payload.get("created_at"), "created_at")
    person = _buyer(id_of(payload, "order_id"), at)
    properties = {"order_id": payload["order_id"], "note": text_of(payload, "note")[:300]}
    value, currency, seen = refunded(payload, given, currency)
    refund = str(id_of(payload, "id"))
    event = EventFact(person, "Refunded Order", refund, at, value, currency, {**properties, **seen})
    return Facts(profiles=[person], events=[event])


def transactions(topic: str, payload: JsonObject, currency: str) -> Facts:
    """order_transactions/create: one event a payment, its outcome in the properties."""
    if payload.get("test") is True:
        return Facts()
    currency = text_of(payload, "currency") or currency
    at = parse_time(payload.get("processed_at") or payload.get("created_at"), "created_at")
    person = _buyer(id_of(payload, "order_id"), at)
    properties = {name: text_of(payload, name) for name in ("kind", "status", "gateway")}
    event = EventFact(
        person,
        "Order Transaction",
        str(id_of(payload, "id")),
        at,
        to_minor_units(payload.get("amount") or 0, currency, "amount"),
        currency,
        {"order_id": payload["order_id"], **properties},
    )
    return Facts(profiles=[person], events=[event])


def fulfilments(topic: str, payload: JsonObject, currency: str) -> Facts:
    """fulfillments/create, update: `Confirmed Shipment`, with the numbers to follow it by.

    A fulfilment may be several parcels, and their numbers often come later.
    """
    told = parse_time(payload.get("updated_at") or payload.get("created_at"), "updated_at")
    at = parse_time(payload["created_at"], "created_at") if payload.get("created_at") else told
    person = _buyer(id_of(payload, "order_id"), told)
    if not is_shipped(payload):
        return Facts(profiles=[person])
    properties = {
        "order_id": payload["order_id"],
        "fulfillment_id": id_of(payload, "id"),
        "tracking_company": text_of(payload, "tracking_company"),
        "tracking_number": text_of(payload, "tracking_number"),
        "tracking_url": text_of(payload, "tracking_url"),
        "tracking_numbers": _texts(payload, "tracking_numbers"),
        "tracking_urls": _texts(payload, "tracking_urls"),
        "lines": [
            {"title": text_of(line, "title"), "quantity": line.get("quantity")}
            for line in objects_of(payload, "line_items")
        ],
        "updated_at": told.astimezone(UTC).isoformat(),
    }
    shipment = str(id_of(payload, "id"))
    event = EventFact(
        person, "Confirmed Shipment", shipment, at, properties=properties, may_change=True
    )
    return Facts(profiles=[person], events=[event])


def parcels(topic: str, payload: JsonObject, currency: str) -> Facts:
    """fulfillment_events/create: where a parcel is. Of several tries to deliver it the first
    counts, in any order of telling.
    """
    at = parse_time(payload.get("happened_at"), "happened_at")
    person = _buyer(id_of(payload, "order_id"), at)
    metric = PARCEL.get(text_of(payload, "status"))
    if metric is None:
        return Facts(profiles=[person])
    properties = {"order_id": payload["order_id"], "fulfillment_id": payload.get("fulfillment_id")}
    shipment = str(id_of(payload, "fulfillment_id"))
    event = EventFact(
        person, metric, shipment, at, properties=properties, counts_from_earliest=True
    )
    return Facts(profiles=[person], events=[event])


def returns(topic: str, payload: JsonObject, currency: str) -> Facts:
    """returns/…: what became of a return. Its payload has no time; the telling's counts."""
    metric = RETURN.get(topic)
    order = payload.get("order_id") or object_of(payload, "order").get("id")
    if metric is None or not isinstance(order, int):
        return Facts()  # before 2024-07 a declined return did not name its customer
    at = parse_time(payload.get("triggered_at"), "X-Shopify-Triggered-At")
    person = _buyer(order, at)
    return_id = gid(payload.get("admin_graphql_api_id")) or id_of(payload, "id")
    properties = {"order_id": order, "return_id": return_id}
    unique = str(return_id) if metric != "Reopened Return" else f"{return_id}:{at.isoformat()}"
    return Facts(
        profiles=[person], events=[EventFact(person, metric, unique, at, properties=properties)]
    )


def _texts(payload: JsonObject, name: str) -> list[str]:
    values = payload.get(name)
    return [each for each in values if isinstance(each, str)] if isinstance(values, list) else []


def _buyer(order_id: int, at: datetime) -> ProfileFact:
    return ProfileFact(facts.identity_keys((RecordKind.ORDER, order_id)), at)
