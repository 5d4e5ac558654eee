"""Words: the codes and names that the product keeps come in, sentences for a merchant go out."""

from typing import Any, TypeGuard
from urllib.parse import urlsplit

from babel.numbers import is_currency

from admin_ui.kit.language import Language
from plugin import facts
from storage.events import Event
from storage.profiles import Profile


def N_(words: str) -> str:  # noqa: N802  (gettext's own name for a string that is said elsewhere)
    """Mark a string for the catalogue."""
    return words


LARGEST = 10**12  # what a browser says of money beyond it is nonsense
DID = {
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
TYPES = {
    "text": N_("Text"),
    "number": N_("Number"),
    "date": N_("Date"),
    "boolean": N_("Yes or no"),
    "choice": N_("Single choice"),
    "choices": N_("Multiple choice"),
}
SERVICES = {
    "shopify": N_("Shopify"),
    "regulars": N_("Regulars"),
    "onsite": N_("Your pages"),
    "api": N_("The API"),
}
REFUSALS = {
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
# What a browser tells of a visit: it stands in the visit's line.
VISITED = tuple(name for name in BROWSING if name != "Added to Cart")
# The message's own row says these, with more about them.
TOLD_BY_MESSAGES = ("Received Email", "Opened Email", "Clicked Email", "Bounced Email")

STATES = {
    "due": N_("Waiting to be sent"),
    "sending": N_("Being sent"),
    "accepted": N_("Sent"),
    "failed": N_("Failed"),
    "ambiguous": N_("Not certain"),
    "skipped": N_("Not sent"),
}
TONES = {
    "accepted": "good", "failed": "bad", "ambiguous": "warn", "skipped": "quiet", "due": "info",
    "sending": "info",
}  # fmt: skip
REASONS = {
    "suppressed": N_("The shopper asked to be forgotten and has not signed up again since."),
    "no_consent": N_("This address never agreed to marketing messages on this channel."),
    "pending": N_("The address was not confirmed yet: the mail with the button waits for a click."),
    "implied_expired": N_("A purchase allowed messages for a time, which is over."),
    "no_proof": N_(
        "The law asks for proof of a consent to texts: the words shown, the form, the page and the "
        "device. It is not complete for this number."
    ),
    "paused": N_("They take a break from messages."),
    "topic": N_("They are not interested in what this flow is about."),
    "frequency": N_("They want one message a week at most, and have had it."),
    "stopped": N_("They stopped every message on this channel, also those about orders."),
    "unsubscribed": N_("This address had unsubscribed before the message was due."),
    "no_address": N_("We know no address of theirs for this channel."),
    "bounced": N_("The mailbox does not exist: an earlier mail to it came back."),
    "flow_off": N_("The flow was switched off before the message was due."),
    "left_flow": N_("They left the flow before the message was due."),
    "filter": N_("They no longer met the flow's conditions."),
    "shop_uninstalled": N_("The app was not installed when the message was due."),
    "no_profile": N_("The shopper's profile was deleted."),
    "no_sender": N_("The shop has no sender address. Set it in Settings."),
    "no_postal_address": N_(
        "The shop has no postal address, which the law asks for in every marketing mail. "
        "Set it in Settings."
    ),
    "waits_for_coupon": N_("It waits for a discount code from Shopify."),
    "no_coupon": N_("Shopify gave no discount code for an hour, so no mail promised one."),
    "render": N_("The template could not be filled in for this shopper."),
    "no_template": N_("The template no longer exists."),
    "no_channel": N_("There is no way to send on this channel yet."),
    "try_again": N_("The mail relay asked to try again later."),
    "gave_up": N_("The mail relay kept putting it off for three days."),
    "rejected": N_("The mail relay refused the message."),
    "address_gone": N_("The mail relay says that this mailbox does not exist."),
    "ambiguous": N_(
        "The line broke while it was handed over, so it may have arrived. It is not sent again: "
        "nobody should get it twice."
    ),
}
CONSENT = {
    "subscribed": N_("Subscribed"),
    "unsubscribed": N_("Unsubscribed"),
    "bounced": N_("Mail comes back"),
    "implied": N_("Allowed for a time by a purchase"),
    "pending": N_("Not confirmed yet"),
}
GETS = {
    "": N_("Gets marketing."),
    "unsubscribed": N_("Has unsubscribed, and gets no marketing."),
    "bounced": N_("Mail comes back from this address: nothing is sent."),
    "suppressed": N_("Asked to be forgotten, and gets nothing before signing up anew."),
    "no_consent": N_("Never agreed to marketing, and gets none."),
    "pending": N_("Has not confirmed the address yet, and gets no marketing."),
    "implied_expired": N_("A purchase allowed marketing for a time, which is over."),
    "no_proof": N_(
        "Said yes, but the proof that the law asks for is not complete: gets no marketing."
    ),
}
SOURCES = {
    "form": N_("Sign-up form"),
    "storefront": N_("Shopify"),
    "one-click": N_("One-click unsubscribe of the mail program"),
    "link": N_("Link in a message"),
    "confirmation": N_("Confirmed by mail"),
    "preferences": N_("Preference page"),
    "order": N_("Purchase"),
    "merchant": N_("Changed by the shop"),
    "bounce": N_("The mail relay's answer"),
    "complaint": N_("Reported as spam"),
}
CHANNELS = {
    "email": N_("Email"), "sms": N_("Text message"), "whatsapp": N_("WhatsApp"), "rcs": N_("RCS"),
    "viber": N_("Viber"), "push": N_("Push notification"), "voice": N_("Phone call"),
}  # fmt: skip
IDENTITIES = {
    "email": N_("Email address"),
    "phone": N_("Phone"),
    "customer_id": N_("Shopify customer"),
    "browser_id": N_("Browser"),
    "cart_token": N_("Cart"),
    "checkout_token": N_("Checkout"),
    "push_token": N_("Push notifications"),
    "order_id": N_("Order"),
    "subscription_id": N_("Subscription"),
    "external_id": N_("Id in your own systems"),
}
DEVICES = {"phone": N_("Phone"), "tablet": N_("Tablet"), "computer": N_("Computer")}
ENROLMENTS = {
    "waiting": N_("In it now"),
    "finished": N_("Went through"),
    "left": N_("Left early"),
    "failed": N_("Failed"),
}
LEAVINGS = {
    "flow_off": N_("The flow was switched off."),
    "shop_uninstalled": N_("The app was uninstalled."),
    "filter": N_("They no longer met the flow's conditions."),
    "error": N_("A step failed several times."),
}


PAGES = {
    "audience": N_("List of profiles"),
    "audience/duplicates": N_("Likely duplicates"),
    "audience/export": N_("Export of the audience"),
    **dict.fromkeys(
        (
            "audience/imports",
            *(f"audience/imports/{act}" for act in ("act", "flaws", "new", "preview")),
        ),
        N_("Imports"),
    ),
    "audience/lists": N_("A list's members"),
    "audience/lists/add": N_("Whom to add to a list"),
    "audience/lists/members": N_("A list's members"),
    **dict.fromkeys(
        (f"audience/lists/{act}" for act in ("delete", "restore", "settings")),
        N_("Settings of a list"),
    ),
    "audience/lists/export": N_("Export of a list"),
    "audience/profiles": N_("A profile"),
    "audience/profiles/proof": N_("Proof of consent"),
    "audience/profiles/lists": N_("Lists"),
    "audience/profiles/properties": N_("Properties"),
    "audience/profiles/tags": N_("Tags"),
    "home": N_("Home"),
    "settings/privacy": N_("Copy of a shopper's data"),
    "settings/quarantine": N_("Quarantine"),
}
PLACES = {
    "shopify": N_("from Shopify"),
    "form": N_("said in a form"),
    "unproven": N_("typed in a form by somebody who may be another"),
    "merchant": N_("by your team"),
    "import": N_("imported"),
    "api": N_("through the API"),
}
ALIKE = {
    "phone": N_("The same phone number"),
    "mailbox": N_("The same mailbox, written in another way"),
    "typo": N_("The addresses differ by a slip"),
    "name": N_("The same name, and similar addresses"),
}


def said(table: dict[str, str], code: str, say: Language) -> str:
    """A code in words; one that we have no words for, as it is."""
    return say.text(table[code]) if code in table else code


def person(profile: Profile | None, say: Language) -> str:
    """What to call a shopper: her name, her address, or a visitor."""
    if profile is None:
        return say.text("A visitor")
    given, family = profile.first_name or "", profile.last_name or ""
    # Chinese, Japanese and Korean names stand family name first, without a space.
    cjk = any("\u3040" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7af" for letter in family)
    name = f"{family}{given}" if cjk else f"{given} {family}".strip()
    return name or profile.email or profile.phone or say.text("A visitor")


def happening(event: Event, profile: Profile | None, say: Language) -> str:
    """An event of the shop as a sentence: `Maya placed an order of $54.00`."""
    who = person(profile, say)
    known = DID.get(event.metric)
    if known is None:
        return say.text("%(who)s: %(what)s", who=who, what=event.metric)
    return say.text(known, who=who, what=subject(event, say), amount=amount(event, say))


def amount(event: Event, say: Language) -> str:
    """What an event was worth, in its own currency and in the shopper's: `$20.00 (¥3,000)`."""
    own = say.money(event.value or 0, event.currency)
    value, code = (event.properties.get(f"presentment_{name}") for name in ("value", "currency"))
    if not isinstance(value, int) or abs(value) > LARGEST or not _is_code(code):
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
    if isinstance(price, int | float) and abs(price) < LARGEST and _is_code(code):
        found.append(say.money(facts.minor(price, code, "price"), code))
    lines = about.get("lines")
    found += [
        f"{say.number(line.get('quantity') or 1)} × {line['title']}"
        for line in (lines[:10] if isinstance(lines, list) else [])
        if isinstance(line, dict) and line.get("title")
    ]
    return found


def _is_code(code: object) -> TypeGuard[str]:
    return isinstance(code, str) and is_currency(code)


def reason(code: str, say: Language) -> str:
    """Why a message was not sent; a code may carry a detail after a colon."""
    name, _, detail = code.partition(":")
    if code == "did:Placed Order":
        return say.text("They placed an order before the message was due.")
    if name == "did":
        return say.text("They did this: %(what)s", what=said(METRICS, detail, say))
    return said(REASONS, name, say)


def left(code: str, say: Language) -> str:
    """Why somebody left a flow before its end."""
    if code in LEAVINGS:
        return say.text(LEAVINGS[code])
    return reason(code, say)
