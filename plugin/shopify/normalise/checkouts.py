"""checkouts/create, checkouts/update: what a shopper is about to buy, and the checkout's URL."""

from plugin.errors import MalformedError
from plugin.facts import EventFact, Facts, ProfileFact
from plugin.shopify.normalise.fields import (
    buyer_keys,
    known_fields,
    line_items,
    object_of,
    reported_time,
    text_of,
)
from plugin.values import parse_time, to_minor_units
from storage.checkouts import ReportedCheckout
from storage.engine.types import JsonObject


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """The checkout, its person, and one `Checkout Started`."""
    token = text_of(payload, "token")
    if not token:
        raise MalformedError("token is missing")
    started = parse_time(payload.get("created_at"), "created_at")
    updated = parse_time(payload.get("updated_at"), "updated_at")
    # Alone among Shopify's payloads this one has every amount as the shopper sees it, and no other:
    # shopify.dev/docs/api/admin-rest/latest/resources/abandoned-checkouts (its total_price).
    currency = text_of(payload, "presentment_currency") or text_of(payload, "currency") or currency
    total = to_minor_units(payload.get("total_price") or 0, currency, "total_price")
    lines = line_items(payload, currency)
    person = ProfileFact(
        identities=buyer_keys(payload),
        reported_at=updated,
        fields=known_fields(payload, object_of(payload, "customer")),
    )
    completed = payload.get("completed_at")
    url = text_of(payload, "abandoned_checkout_url")
    row: ReportedCheckout = {
        "token": token,
        "started_at": started,
        "updated_at": updated,
        "reported_at": reported_time(payload, updated),
        "completed_at": parse_time(completed, "completed_at") if completed else None,
        "total": total,
        "currency": currency,
        "url": url,
        "lines": lines,
    }
    # What was in it changes until it is bought: the digest fills the event from the checkout's row.
    event = EventFact(
        person, "Checkout Started", token, started, properties={"checkout_token": token}
    )
    return Facts(profiles=[person], events=[event], checkouts=[(person, row)])
