"""checkouts/create, checkouts/update: what a shopper is about to buy, and the checkout's URL."""

import re

from plugin.errors import MalformedError
from plugin.facts import EventFact, Facts, ProfileFact
from plugin.shopify.normalise.fields import (
    buyer_fields,
    buyer_keys,
    line_items,
    reported_time,
    text_of,
)
from plugin.values import parse_time, to_minor_units
from storage.checkouts import ReportedCheckout
from storage.engine.types import JsonObject

# Today a recovery link names the cart, /checkouts/ac/<cart_token>/recover (`cn` is of the same
# kind), and before it named the checkout: shopify.dev, AbandonedCheckout.abandonedCheckoutUrl.
TILL = "pos"
LINK = re.compile(r"/checkouts/(?:(?P<cart>ac|cn)/)?(?:[^/?#]+/)*?(?P<token>[^/?#]+)/recover")


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """The checkout, its person, and one `Checkout Started`.

    `buyer_accepts_marketing` is no consent here: it has no date and no proof, and the webhooks of
    consent tell the same choice with both (docs/decisions/0006). What stays open at a till is not
    abandoned: staff park it there.

    It is known by what its recovery link names: the webhook and the API both tell that, and the API
    no token.
    """
    if text_of(payload, "source_name") == TILL:
        return Facts()
    url = text_of(payload, "abandoned_checkout_url")
    link = LINK.search(url)
    token = link["token"] if link else text_of(payload, "token")
    if not token:
        raise MalformedError("token is missing")
    if link and link["cart"]:
        payload = {**payload, "cart_token": payload.get("cart_token") or token}
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
        fields=buyer_fields(payload),
    )
    completed = payload.get("completed_at")
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
