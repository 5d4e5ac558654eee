"""Browser events. In: what the web pixel saw. Out: events of a browser, perhaps nobody's yet."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from plugin import clock, facts
from plugin.events.record import record
from plugin.facts import Did, Facts, Key, MalformedError, Person
from storage import db, profiles
from storage.profiles import BROWSER, CART, STRONG
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
LARGEST = 2**53  # what a browser counts exactly


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
            _keep_apart(session, shop.id, understood.people)
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
        name: _text(value) if isinstance(value, str) else value
        for name in ("product_id", "variant_id", "title", "price", "currency", "query")
        if isinstance(value := data.get(name), str) or _is_number(value)
    }
    kept["url"] = _text(str(event.get("url") or ""))
    cart = data.get("cart_token")
    person = Person(facts.keys((BROWSER, browser), (CART, cart if _is_token(cart) else None)), at)
    return Did(person, metric, str(event_id), at, properties=kept)


def _keep_apart(session: Session, shop_id: int, people: Sequence[Person]) -> None:
    """Part a cart from its browser where the two would make one of two shoppers whom we know.

    Anybody can send what a pixel sends, and a browser may be shared.
    """
    known = profiles.find_identities(session, shop_id, {k for p in people for k in p.keys})
    holders = sorted(set(known.values()))
    parent: dict[Key | int, Key | int] = {Key(*key): holder for key, holder in known.items()}
    shoppers: dict[Key | int, int] = {
        found.profile_id: found.profile_id
        for found in profiles.identities_of(session, shop_id, holders)
        if found.kind in STRONG
    }

    def root(node: Key | int) -> Key | int:
        while node in parent:
            node = parent[node]
        return node

    for person in people:
        roots = {root(key) for key in person.keys}
        named = {shoppers[each] for each in roots if each in shoppers}
        if len(named) > 1:
            person.keys = person.keys[:1]
            continue
        first, *others = roots
        parent |= dict.fromkeys(others, first)
        if named:
            shoppers[first] = named.pop()


def _is_token(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) < LARGEST  # nor is it NaN


def _text(value: str) -> str:
    return str(facts.storable(value[:LONGEST]))
