"""Browser events. In: what the web pixel saw. Out: events of a browser, perhaps nobody's yet."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from plugin import clock, facts
from plugin.events.record import record
from plugin.facts import Did, Facts, MalformedError, Person
from storage import db
from storage.profiles import BROWSER, CART
from storage.shops import Shop

METRICS = {
    "page_viewed": "Active on Site",
    "product_viewed": "Viewed Product",
    "collection_viewed": "Viewed Collection",
    "search_submitted": "Submitted Search",
    "cart_viewed": "Viewed Cart",
}
LATE = timedelta(days=2)  # older than that, a browser's clock is wrong
LONGEST = 300


def take(shop: Shop, events: Sequence[Any]) -> None:
    """Record those of a pixel's events that make sense; the others are only a browser's word."""
    now = clock.now()
    understood = Facts()
    for event in events:
        if isinstance(event, dict) and (did := _read(event, shop.currency, now)):
            understood.people.append(did.person)
            understood.events.append(did)
    if understood.events:
        with db.transaction() as session:
            db.lock_shop(session, shop.id)
            record(session, shop, understood, now)


def _read(event: dict[str, Any], currency: str, now: datetime) -> Did | None:
    metric = METRICS.get(str(event.get("name")))
    browser, event_id = event.get("client_id"), event.get("id")
    if metric is None or not _is_token(browser) or not _is_token(event_id):
        return None
    try:
        at = facts.moment(event.get("timestamp"), "timestamp")
    except MalformedError:
        return None
    if not now - LATE < at < now + timedelta(minutes=5):
        at = now
    data = event.get("data")
    data = data if isinstance(data, dict) else {}
    kept = {
        name: value[:LONGEST] if isinstance(value, str) else value
        for name in ("product_id", "variant_id", "title", "price", "currency", "query")
        if isinstance(value := data.get(name), str | int | float)
    }
    kept["url"] = str(event.get("url") or "")[:LONGEST]
    cart = data.get("cart_token")
    person = Person(facts.keys((BROWSER, browser), (CART, cart if _is_token(cart) else None)), at)
    return Did(person, metric, str(event_id), at, properties=kept)


def _is_token(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 100
