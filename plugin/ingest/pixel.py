"""Record what the web pixel saw as events and visits of a browser, which may not have a known
shopper yet.

The shopper's consent decides the profile. With consent to marketing the browser may be joined to a
known shopper. With consent to analytics alone it is counted as an anonymous browser: no cart,
checkout or form leads to it, so that nothing of it ever reaches a profile that we send to, and it
starts no flow. (Shopify asks the two questions separately: shopify.dev/docs/api/customer-privacy.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from plugin import clock, facts, jobs, metrics
from plugin.channels.registry import is_channel_metric
from plugin.errors import MalformedError
from plugin.facts import EventFact, Facts, IdentityKey, ProfileFact
from plugin.ingest import browsed, custom_metrics, page_urls, visits
from plugin.ingest.record import record_facts
from plugin.ingest.visits import PageView
from plugin.templates.product_feeds import home_url
from plugin.values import parse_time
from storage import events as stored_events
from storage import identity_claims, profiles
from storage.engine import db
from storage.engine.types import JsonObject
from storage.metrics import MetricService, RejectReason
from storage.privacy_requests import ANONYMOUS_BROWSER_PREFIX, anonymous_browser_key
from storage.profiles import STRONG, IdentityKind
from storage.shops import Shop

METRICS = {
    "page_viewed": "Active on Site",
    "product_viewed": "Viewed Product",
    "collection_viewed": "Viewed Collection",
    "search_submitted": "Submitted Search",
    "cart_viewed": "Viewed Cart",
    "product_removed_from_cart": "Removed from Cart",
}
# Webhooks report these, signed and with amounts. Here they only link a cart and a checkout.
METRICS_FROM_WEBHOOKS = frozenset((
    "product_added_to_cart", "checkout_started", "checkout_contact_info_submitted",
    "checkout_address_info_submitted", "checkout_shipping_info_submitted",
    "payment_info_submitted", "checkout_completed",
))  # fmt: skip
CUSTOM = "custom"  # what the merchant named; its name is in `metric`
MAX_EVENT_LAG = timedelta(days=2)  # older than that, a browser's clock is wrong
Node = tuple[str, str] | int  # an identity, or the id of a profile that holds some


@dataclass(frozen=True, slots=True)
class PixelEvent:
    """One parsed pixel event: its profile, its page view, and its event if it has a metric."""

    profile: ProfileFact
    page_view: PageView
    event: EventFact | RejectReason | None
    custom: bool = False


def record_pixel_events(shop: Shop, events: Sequence[Any], device: str = "") -> None:
    """Record those of a pixel's events that are valid."""
    now = clock.now()
    parsed = [one for event in events if (one := _hear(shop, event, device, now))]
    if not parsed:
        return
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        fresh = _news(session, shop.id, parsed)
        refused = [one.event for one in parsed if isinstance(one.event, RejectReason)]
        custom_metrics.count_rejections(session, shop.id, refused, now)
        named = [one.event for one in fresh if one.custom and isinstance(one.event, EventFact)]
        admitted = custom_metrics.accept_events(
            session, shop.id, named, MetricService.ONSITE, now=now
        )
        known = [one.event for one in fresh if not one.custom and isinstance(one.event, EventFact)]
        understood = Facts(profiles=[one.profile for one in fresh], events=[*known, *admitted])
        _join_no_two_shoppers(session, shop.id, understood.profiles)
        _vouch_by_checkouts(session, shop.id, understood.profiles)
        entered = record_facts(session, shop, understood, now)
        forgotten = {id(person) for person in understood.redacted}
        acts = [one.page_view for one in fresh if id(one.profile) not in forgotten]
        visits.record_visits(session, shop.id, acts)
    jobs.enqueue_for_rows("advance", [(shop.id, enrolment_id) for enrolment_id in entered])


def identify_browser(shop: Shop, browser: str, customer_id: str) -> None:
    """Link a browser to the customer who is logged in on it at the storefront.

    A browser that belongs to another shopper stays theirs: a machine may be shared.
    """
    if not _is_token(browser) or browser.startswith(ANONYMOUS_BROWSER_PREFIX):
        return
    now = clock.now()
    here, customer = (
        IdentityKey(IdentityKind.BROWSER, browser),
        IdentityKey(IdentityKind.CUSTOMER, customer_id),
    )
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        known = profiles.find_identities(session, shop.id, [here, customer])
        holder = known.get(here)
        if holder is not None and holder != known.get(customer):
            owned = profiles.identities_of(session, shop.id, [holder])
            if any(identity.kind in STRONG for identity in owned):
                return
        record_facts(session, shop, Facts(profiles=[ProfileFact((customer, here), now)]), now)
        identity_claims.set_typed(session, shop.id, browser, is_typed=False)


def _hear(shop: Shop, event: Any, device: str, now: datetime) -> PixelEvent | None:
    if not isinstance(event, dict):
        return None
    name, browser, event_id = str(event.get("name")), event.get("client_id"), event.get("id")
    metric = METRICS.get(name)
    if (
        not _is_token(browser)
        or not _is_token(event_id)
        or str(browser).startswith(ANONYMOUS_BROWSER_PREFIX)
    ):
        return None
    if metric is None and name != CUSTOM and name not in METRICS_FROM_WEBHOOKS:
        return None
    try:
        at = parse_time(event.get("timestamp"), "timestamp")
    except MalformedError:
        return None
    if not now - MAX_EVENT_LAG < at < now + timedelta(minutes=5):
        at = now
    data_sent = event.get("data")
    data: JsonObject = data_sent if isinstance(data_sent, dict) else {}
    followed = event.get("marketing") is True
    browser = browser if followed else anonymous_browser_key(shop.id, str(browser))
    person = ProfileFact(
        facts.identity_keys((IdentityKind.BROWSER, browser), *(_leads(data) if followed else ())),
        at,
    )
    url = page_urls.clean_page_url(str(event.get("url") or ""))
    source = page_urls.traffic_source(url, str(event.get("referrer") or ""))
    act = PageView(str(browser), at, name == "page_viewed", url, device, source)
    if name == CUSTOM:
        return PixelEvent(
            person, act, _named(event, data, person, shop.currency, now=now), custom=True
        )
    if metric is None:
        return PixelEvent(person, act, None)
    return PixelEvent(person, act, _browsed(name, str(event_id), person, data, page=url, shop=shop))


def _browsed(
    name: str, event_id: str, person: ProfileFact, data: JsonObject, *, page: str, shop: Shop
) -> EventFact:
    """A standard event. `url` leads to the product that was taken out of a cart, else to the page.

    The amounts are in the currency that the shopper saw.
    """
    home, browser = home_url(shop), person.identities[0].value
    is_cart, is_removal = name == "cart_viewed", name == "product_removed_from_cart"
    told = (browsed.describe_cart if is_cart else browsed.describe_product)(data, home)
    if not is_removal or "url" not in told:
        told["url"] = page or told.get("url", "")
    worth = browsed.Worth()
    if is_cart or is_removal:
        worth = browsed.worth(data.get("total"), data.get("currency"))
    return EventFact(
        person,
        METRICS[name],
        event_id,
        person.reported_at,
        worth.value,
        worth.currency,
        {**told, "browser_id": browser},
        is_silent=browser.startswith(ANONYMOUS_BROWSER_PREFIX),
    )


def _named(
    event: Mapping[str, object],
    data: JsonObject,
    person: ProfileFact,
    currency: str,
    *,
    now: datetime,
) -> EventFact | RejectReason:
    """An event that the merchant's own page tells. `$value` is what it is worth, as for Klaviyo."""
    event_data = {
        "name": event.get("metric"),
        "properties": data,
        "time": person.reported_at.isoformat(),
        "unique_id": event["id"],
        "value": data.get("$value"),
        "value_currency": data.get("$value_currency"),
    }
    did = custom_metrics.parse_event(event_data, person, currency, now)
    if isinstance(did, EventFact):
        if metrics.is_reserved(did.metric) or is_channel_metric(did.metric):
            return RejectReason.RESERVED
        browser = person.identities[0].value
        did.properties["browser_id"] = browser
        did.is_silent = browser.startswith(ANONYMOUS_BROWSER_PREFIX)
    return did


def _leads(data: Mapping[str, object]) -> list[tuple[str, object]]:
    """What else a browser that is followed is known by."""
    named = (
        (IdentityKind.CART, data.get("cart_token")),
        (IdentityKind.CHECKOUT, data.get("checkout_token")),
    )
    return [(kind, token) for kind, token in named if _is_token(token)]


def _news(session: Session, shop_id: int, parsed: Sequence[PixelEvent]) -> list[PixelEvent]:
    """Return the events that are new; one without a metric may repeat, and changes nothing."""
    named = {_name(one.event) for one in parsed if isinstance(one.event, EventFact)}
    known = stored_events.known_events(session, shop_id, sorted(named))
    found: list[PixelEvent] = []
    for one in parsed:
        if isinstance(one.event, EventFact):
            if _name(one.event) in known:
                continue
            known.add(_name(one.event))
        found.append(one)
    return found


def _name(did: EventFact) -> tuple[str, str]:
    return did.metric, did.unique_id


def _join_no_two_shoppers(session: Session, shop_id: int, people: Sequence[ProfileFact]) -> None:
    """Keep only the browser of a profile if its cart or checkout would join two known shoppers.

    Pixel events are unsigned and can be forged, and a browser may be shared.
    """
    known = profiles.find_identities(session, shop_id, {k for p in people for k in p.identities})
    holders = sorted(set(known.values()))
    # A forest: each key's or profile's way to the one that stands for all of its tree.
    parent: dict[Node, Node] = dict(known.items())
    shoppers: dict[Node, int] = {
        found.profile_id: found.profile_id
        for found in profiles.identities_of(session, shop_id, holders)
        if found.kind in STRONG
    }

    def root(node: Node) -> Node:
        while node in parent:
            node = parent[node]
        return node

    for person in people:
        roots = {root(key) for key in person.identities}
        named = {shoppers[each] for each in roots if each in shoppers}
        if len(named) > 1:
            person.identities = person.identities[:1]
            continue
        first, *others = roots
        parent |= dict.fromkeys(others, first)
        if named:
            shoppers[first] = named.pop()


def _vouch_by_checkouts(session: Session, shop_id: int, people: Sequence[ProfileFact]) -> None:
    """Let a browser be its shopper's that names the checkout which Shopify says is theirs."""
    by_checkout = {
        key: person.identities[0]
        for person in people
        for key in person.identities[1:]
        if key.kind == IdentityKind.CHECKOUT
    }
    if not by_checkout:
        return
    known = identity_claims.find_known_keys(session, shop_id, {*by_checkout, *by_checkout.values()})
    for checkout, browser in by_checkout.items():
        claim, held = known.get(checkout), known.get(browser)
        if claim and held and claim.claimed_at and claim.profile_id == held.profile_id:
            identity_claims.set_typed(session, shop_id, browser.value, is_typed=False)


def _is_token(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable()
