"""checkouts/create, checkouts/update: what somebody is about to buy, and the way back to it."""

from plugin.facts import Did, Facts, MalformedError, Person, minor, moment
from plugin.shopify.normalise.fields import (
    Payload,
    buyer_keys,
    known_fields,
    line_items,
    part,
    text,
    told,
)


def normalise(topic: str, payload: Payload, currency: str) -> Facts:
    """The checkout, its person, and one `Checkout Started`."""
    token = text(payload, "token")
    if not token:
        raise MalformedError("token is missing")
    started = moment(payload.get("created_at"), "created_at")
    updated = moment(payload.get("updated_at"), "updated_at")
    # Alone among Shopify's payloads this one has every amount as the shopper sees it, and no other:
    # shopify.dev/docs/api/admin-rest/latest/resources/abandoned-checkouts (its total_price).
    currency = text(payload, "presentment_currency") or text(payload, "currency") or currency
    total = minor(payload.get("total_price") or 0, currency, "total_price")
    lines = line_items(payload, currency)
    person = Person(
        keys=buyer_keys(payload),
        at=updated,
        fields=known_fields(payload, part(payload, "customer")),
    )
    completed = payload.get("completed_at")
    url = text(payload, "abandoned_checkout_url")
    row = {
        "token": token,
        "started_at": started,
        "updated_at": updated,
        "told_at": told(payload, updated),
        "completed_at": moment(completed, "completed_at") if completed else None,
        "total": total,
        "currency": currency,
        "url": url,
        "lines": lines,
    }
    # What was in it changes until it is bought: the digest fills the event from the checkout's row.
    event = Did(person, "Checkout Started", token, started, properties={"checkout_token": token})
    return Facts(people=[person], events=[event], checkouts=[(person, row)])
