"""Turn an event into a sentence for a merchant."""

from typing import Any, TypeGuard
from urllib.parse import urlsplit

from babel.numbers import is_currency

from admin_ui.kit.language import Language
from admin_ui.kit.words.profiles import person
from plugin.texts import N_
from plugin.values import to_minor_units
from storage.events import Event
from storage.profiles import Profile

MAX_SHOWN_NUMBER = 10**12  # what a browser says of money beyond it is nonsense
EVENT_SENTENCES = {
    "Placed Order": N_("%(who)s placed an order of %(amount)s"),
    "Ordered Product": N_("%(who)s ordered %(what)s"),
    "Checkout Started": N_("%(who)s started a checkout of %(amount)s"),
    "Added to Cart": N_("%(who)s added %(what)s to the cart"),
    "Removed from Cart": N_("%(who)s took %(what)s out of the cart"),
    "Viewed Product": N_("%(who)s looked at %(what)s"),
    "Viewed Collection": N_("%(who)s looked at a collection"),
    "Viewed Cart": N_("%(who)s looked at the cart"),
    "Active on Site": N_("%(who)s visited the shop"),
    "Submitted Search": N_("%(who)s searched the shop"),
    "Fulfilled Order": N_("An order of %(who)s was sent"),
    "Cancelled Order": N_("An order of %(who)s was cancelled"),
    "Refunded Order": N_("An order of %(who)s was refunded"),
    "Edited Order": N_("An order of %(who)s was changed"),
    "Deleted Order": N_("An order of %(who)s was deleted"),
    "Submitted Form": N_("%(who)s filled in a sign-up form"),
    "Form submitted by profile": N_("%(who)s filled in a sign-up form"),
    "Subscribed to List": N_("%(who)s joined a list"),
    "Subscribed to Email Marketing": N_("%(who)s subscribed to email"),
    "Unsubscribed from Email Marketing": N_("%(who)s unsubscribed from email"),
    "Subscribed to SMS Marketing": N_("%(who)s subscribed to texts"),
    "Unsubscribed from SMS Marketing": N_("%(who)s unsubscribed from texts"),
    "Received Email": N_("%(who)s received an email"),
    "Opened Email": N_("%(who)s opened an email"),
    "Clicked Email": N_("%(who)s clicked in an email"),
    "Bounced Email": N_("An email to %(who)s came back"),
}
METRICS = {
    "Placed Order": N_("Placed an order"),
    "Ordered Product": N_("Ordered a product"),
    "Checkout Started": N_("Started a checkout"),
    "Added to Cart": N_("Added to the cart"),
    "Removed from Cart": N_("Took out of the cart"),
    "Viewed Product": N_("Looked at a product"),
    "Viewed Collection": N_("Looked at a collection"),
    "Viewed Cart": N_("Looked at the cart"),
    "Active on Site": N_("Visited the shop"),
    "Submitted Search": N_("Searched the shop"),
    "Fulfilled Order": N_("Order sent"),
    "Cancelled Order": N_("Order cancelled"),
    "Refunded Order": N_("Order refunded"),
    "Edited Order": N_("Order changed"),
    "Deleted Order": N_("Order deleted"),
    "Submitted Form": N_("Filled in a sign-up form"),
    "Form submitted by profile": N_("Filled in a sign-up form"),
    "Subscribed to List": N_("Joined a list"),
    "Subscribed to Email Marketing": N_("Subscribed to email"),
    "Unsubscribed from Email Marketing": N_("Unsubscribed from email"),
    "Subscribed to SMS Marketing": N_("Subscribed to texts"),
    "Unsubscribed from SMS Marketing": N_("Unsubscribed from texts"),
    "Received Email": N_("Received an email"),
    "Opened Email": N_("Opened an email"),
    "Clicked Email": N_("Clicked in an email"),
    "Bounced Email": N_("An email came back"),
}
METRICS |= {
    "Fulfilled Partial Order": N_("A part of an order was sent"),
    "Order Transaction": N_("A payment of an order"),
    "Confirmed Shipment": N_("Parcel on its way"),
    "Marked Out for Delivery": N_("Parcel out for delivery"),
    "Delivered Shipment": N_("Parcel delivered"),
    "Requested Return": N_("Asked to return something"),
    "Approved Return": N_("Return approved"),
    "Declined Return": N_("Return declined"),
    "Cancelled Return": N_("Return cancelled"),
    "Closed Return": N_("Return done"),
    "Reopened Return": N_("Return opened again"),
    "Started Subscription": N_("Started a subscription"),
    "Activated Subscription": N_("Subscription active"),
    "Paused Subscription": N_("Paused a subscription"),
    "Cancelled Subscription": N_("Cancelled a subscription"),
    "Expired Subscription": N_("Subscription ran out"),
    "Failed Subscription": N_("Subscription failed"),
    "Subscription Order Paid": N_("Subscription paid for"),
    "Subscription Payment Failed": N_("Subscription payment failed"),
    "Subscription Payment Challenged": N_("Subscription payment waits for the bank"),
}
SERVICES = {
    "shopify": N_("Shopify"),
    "regulars": N_("Regulars"),
    "onsite": N_("Your pages"),
    "api": N_("The API"),
}
REJECT_REASONS = {
    "name": N_("The name was missing, longer than 128 characters or held an address."),
    "reserved": N_("A page used a name that only Shopify or Regulars may use."),
    "metrics": N_("There were too many kinds already: 200 from pages, 1,000 in all."),
    "unique_id": N_("The unique id was no text of 200 characters or fewer."),
    "time": N_("The time was none, before 2000 or more than a year ahead."),
    "value": N_("The value was no amount, or its currency unknown."),
    "size": N_("The event had more than 5 MB."),
    "properties": N_("There were more than 300 properties."),
    "field": N_("A property had more than 100 kB."),
    "items": N_("A list had more than 4,000 items."),
    "depth": N_("Properties lay more than ten levels deep."),
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
    """What an event was worth, in its own currency and in the shopper's: `$20.00 (¥3,000)`."""
    own = say.money(event.value or 0, event.currency)
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
    about: dict[str, Any] = event.properties
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
        f"{say.number(line.get('quantity') or 1)} × {line['title']}"
        for line in (lines[:10] if isinstance(lines, list) else [])
        if isinstance(line, dict) and line.get("title")
    ]
    return found


def _is_code(code: object) -> TypeGuard[str]:
    return isinstance(code, str) and is_currency(code)
