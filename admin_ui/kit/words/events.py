"""Turn an event into a sentence for a merchant."""

from typing import TypeGuard
from urllib.parse import urlsplit

from babel.numbers import is_currency

from admin_ui.kit.language import Language
from admin_ui.kit.words.profiles import person
from plugin.texts import N_
from plugin.values import to_minor_units
from storage.engine.types import JsonObject
from storage.events import Event
from storage.metrics import MetricService, RejectReason
from storage.profiles import Profile

MAX_SHOWN_NUMBER = 10**12  # what a browser says of money beyond it is nonsense
EVENT_SENTENCES = {
    "Placed Order": N_("%(who)s placed an order for %(amount)s"),
    "Ordered Product": N_("%(who)s ordered %(what)s"),
    "Checkout Started": N_("%(who)s started a checkout for %(amount)s"),
    "Added to Cart": N_("%(who)s added %(what)s to the cart"),
    "Removed from Cart": N_("%(who)s removed %(what)s from the cart"),
    "Viewed Product": N_("%(who)s viewed %(what)s"),
    "Viewed Collection": N_("%(who)s viewed a collection"),
    "Viewed Cart": N_("%(who)s viewed the cart"),
    "Active on Site": N_("%(who)s visited the store"),
    "Submitted Search": N_("%(who)s searched the store"),
    "Fulfilled Order": N_("%(who)s's order was fulfilled"),
    "Cancelled Order": N_("%(who)s's order was canceled"),
    "Refunded Order": N_("%(who)s's order was refunded"),
    "Edited Order": N_("%(who)s's order was edited"),
    "Deleted Order": N_("%(who)s's order was deleted"),
    "Submitted Form": N_("%(who)s submitted a form"),
    "Form submitted by profile": N_("%(who)s submitted a form"),
    "Subscribed to List": N_("%(who)s joined a list"),
    "Subscribed to Email Marketing": N_("%(who)s subscribed to email"),
    "Unsubscribed from Email Marketing": N_("%(who)s unsubscribed from email"),
    "Subscribed to SMS Marketing": N_("%(who)s subscribed to SMS"),
    "Unsubscribed from SMS Marketing": N_("%(who)s unsubscribed from SMS"),
    "Received Email": N_("%(who)s received an email"),
    "Opened Email": N_("%(who)s opened an email"),
    "Clicked Email": N_("%(who)s clicked an email"),
    "Bounced Email": N_("An email to %(who)s bounced"),
}
METRICS = {
    "Placed Order": N_("Placed order"),
    "Ordered Product": N_("Ordered product"),
    "Checkout Started": N_("Started checkout"),
    "Added to Cart": N_("Added to cart"),
    "Removed from Cart": N_("Removed from cart"),
    "Viewed Product": N_("Viewed product"),
    "Viewed Collection": N_("Viewed collection"),
    "Viewed Cart": N_("Viewed cart"),
    "Active on Site": N_("Visited the store"),
    "Submitted Search": N_("Searched the store"),
    "Fulfilled Order": N_("Order fulfilled"),
    "Cancelled Order": N_("Order canceled"),
    "Refunded Order": N_("Order refunded"),
    "Edited Order": N_("Order edited"),
    "Deleted Order": N_("Order deleted"),
    "Submitted Form": N_("Submitted form"),
    "Form submitted by profile": N_("Submitted form"),
    "Subscribed to List": N_("Joined list"),
    "Subscribed to Email Marketing": N_("Subscribed to email"),
    "Unsubscribed from Email Marketing": N_("Unsubscribed from email"),
    "Subscribed to SMS Marketing": N_("Subscribed to SMS"),
    "Unsubscribed from SMS Marketing": N_("Unsubscribed from SMS"),
    "Received Email": N_("Received email"),
    "Opened Email": N_("Opened email"),
    "Clicked Email": N_("Clicked email"),
    "Bounced Email": N_("Email bounced"),
}
METRICS |= {
    "Fulfilled Partial Order": N_("Order partially fulfilled"),
    "Order Transaction": N_("Order payment"),
    "Confirmed Shipment": N_("Shipment confirmed"),
    "Marked Out for Delivery": N_("Out for delivery"),
    "Delivered Shipment": N_("Shipment delivered"),
    "Requested Return": N_("Requested return"),
    "Approved Return": N_("Return approved"),
    "Declined Return": N_("Return declined"),
    "Cancelled Return": N_("Return canceled"),
    "Closed Return": N_("Return closed"),
    "Reopened Return": N_("Return reopened"),
    "Started Subscription": N_("Started subscription"),
    "Activated Subscription": N_("Activated subscription"),
    "Paused Subscription": N_("Paused subscription"),
    "Cancelled Subscription": N_("Canceled subscription"),
    "Expired Subscription": N_("Subscription expired"),
    "Failed Subscription": N_("Subscription failed"),
    "Subscription Order Paid": N_("Subscription order paid"),
    "Subscription Payment Failed": N_("Subscription payment failed"),
    "Subscription Payment Challenged": N_("Subscription payment needs bank approval"),
}
SERVICES: dict[str, str] = {
    MetricService.SHOPIFY: N_("Shopify"),
    MetricService.REGULARS: N_("Regulars"),
    MetricService.ONSITE: N_("Your storefront"),
    MetricService.API: N_("API"),
}
REJECT_REASONS: dict[str, str] = {
    RejectReason.NAME: N_("Name missing, over 128 characters, or contains an email."),
    RejectReason.RESERVED: N_("Name reserved for Shopify or Regulars."),
    RejectReason.METRICS: N_("Limit reached: 200 metrics from your storefront, 1,000 in total."),
    RejectReason.UNIQUE_ID: N_("Unique ID isn't text or is over 200 characters."),
    RejectReason.TIME: N_("Time missing, before 2000, or more than a year ahead."),
    RejectReason.VALUE: N_("Value isn't an amount, or its currency is unknown."),
    RejectReason.SIZE: N_("Event over 5 MB."),
    RejectReason.PROPERTIES: N_("More than 300 properties."),
    RejectReason.FIELD: N_("A property is over 100 kB."),
    RejectReason.ITEMS: N_("A list has more than 4,000 items."),
    RejectReason.DEPTH: N_("Properties nested more than 10 levels deep."),
}
ORDERS = (
    "Placed Order", "Ordered Product", "Checkout Started", "Fulfilled Order", "Cancelled Order",
    "Refunded Order", "Edited Order", "Deleted Order",
)  # fmt: skip
BROWSING = (
    "Viewed Product", "Viewed Collection", "Viewed Cart", "Added to Cart", "Removed from Cart",
    "Active on Site", "Submitted Search",
)  # fmt: skip
# A browser reports these during a visit: they stand in the visit's line.
VISITED = tuple(name for name in BROWSING if name != "Added to Cart")


def event_sentence(event: Event, profile: Profile | None, say: Language) -> str:
    """An event of the shop as a sentence: `Maya placed an order of $54.00`."""
    who = person(profile, say)
    known = EVENT_SENTENCES.get(event.metric)
    if known is None:
        return say.text("%(who)s: %(what)s", who=who, what=event.metric)
    return say.text(known, who=who, what=subject(event, say), amount=amount(event, say))


def amount(event: Event, say: Language) -> str:
    """What an event was worth, in its own currency and in the shopper's: `$20.00 (¥3,000)`.

    An order is shown with what it came to when it was placed; later lines tell what became of it.
    """
    ordered = event.properties.get("ordered_value")
    worth = (
        ordered if isinstance(ordered, int) and abs(ordered) <= MAX_SHOWN_NUMBER else event.value
    )
    own = say.money(worth or 0, event.currency)
    value, code = (event.properties.get(f"presentment_{name}") for name in ("value", "currency"))
    if not isinstance(value, int) or abs(value) > MAX_SHOWN_NUMBER or not _is_code(code):
        return own
    return say.text("%(amount)s (%(seen)s)", amount=own, seen=say.money(value, code))


def subject(event: Event, say: Language) -> str:
    """The product that an event is about, by the name that it came with."""
    title = event.properties.get("title")
    return title if isinstance(title, str) and title else say.text("a product")


def details(event: Event, say: Language) -> list[str]:
    """What stands under an event on a timeline: the order's number, its lines, a product's name."""
    about: JsonObject = event.properties
    found = [
        about[key]
        for key in ("title", "number", "page", "query")
        if isinstance(about.get(key), str)
    ]
    if event.metric == "Active on Site" and isinstance(about.get("url"), str):
        found.append(urlsplit(about["url"]).path or "/")
    price, code = about.get("price"), about.get("currency")
    if isinstance(price, int | float) and abs(price) < MAX_SHOWN_NUMBER and _is_code(code):
        found.append(say.money(to_minor_units(price, code, "price"), code))
    lines = about.get("lines")
    found += [
        f"{say.number(_quantity(line))} × {line['title']}"
        for line in (lines[:10] if isinstance(lines, list) else [])
        if isinstance(line, dict) and line.get("title") and isinstance(line["title"], str)
    ]
    return found


def _quantity(line: JsonObject) -> int:
    """How many of a line there are; 1 where an event of the shop's own tells no such number."""
    told = line.get("quantity")
    return int(told) if isinstance(told, int | float) and 0 < told < MAX_SHOWN_NUMBER else 1


def _is_code(code: object) -> TypeGuard[str]:
    return isinstance(code, str) and is_currency(code)
