"""What happens to Maya and Noah, and a forgetting of Maya: facts as their webhooks tell them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from plugin import facts
from plugin.facts import Allowed, Asked, Did, Facts, Key, Person
from plugin.ingest.digest import apply
from plugin.privacy import requests as asked_of_us
from storage import privacy_requests as privacy
from storage.consent import UNSUBSCRIBED
from storage.engine import db
from storage.privacy_requests import REDACT
from storage.profiles import CART, CUSTOMER, EMAIL, ORDER, PHONE
from storage.shops import Shop

CUT = datetime(2026, 11, 21, 12, tzinfo=UTC)
MAYA = (Key(CUSTOMER, "77"), Key(EMAIL, "maya@example.com"), Key(PHONE, "+14155550123"))
NOAH = (Key(CUSTOMER, "78"), Key(EMAIL, "noah@example.com"))


def person(keys: tuple[Key, ...], at: datetime) -> Person:
    mail = next((key.value for key in keys if key.kind == EMAIL), None)
    return Person(keys, at, {"email": mail, "first_name": f"{mail} of {at:%H:%M}"} if mail else {})


def says_who(keys: tuple[Key, ...], number: int, at: datetime) -> Facts:
    """customers/update"""
    return Facts(people=[person(keys, at)])


def fills_a_cart(keys: tuple[Key, ...], number: int, at: datetime) -> Facts:
    """carts/create: nobody's, until an order with the same number says whose."""
    she = Person((Key(CART, f"cart-{number}"),), at)
    return Facts(people=[she], events=[Did(she, "Added to Cart", f"cart-{number}", at)])


def orders(keys: tuple[Key, ...], number: int, at: datetime) -> Facts:
    """orders/create"""
    she = person((*keys[:2], Key(CART, f"cart-{number}"), Key(ORDER, str(number))), at)
    row: dict[str, Any] = {
        "id": number, "number": f"#{number}", "placed_at": at, "updated_at": at, "told_at": at,
        "cancelled_at": None, "total": 1000, "currency": "USD", "checkout_token": f"c-{number}",
        "cart_token": f"cart-{number}", "discount_codes": [], "status_url": f"http://s/{number}",
    }  # fmt: skip
    line = {
        "order_id": number, "line_id": 0, "product_id": None, "variant_id": None,
        "title": "A cup for Maya", "quantity": 1, "price": 1000,
    }  # fmt: skip
    event = Did(she, "Placed Order", str(number), at, 1000, "USD", {"order_id": number})
    return Facts(people=[she], events=[event], orders=[(she, row, [line])])


def gets_a_parcel(keys: tuple[Key, ...], number: int, at: datetime) -> Facts:
    """fulfillments/create: names the order alone."""
    she = Person((Key(ORDER, str(number)),), at)
    return Facts(people=[she], events=[Did(she, "Confirmed Shipment", f"{number}:{at}", at)])


def starts_a_checkout(keys: tuple[Key, ...], number: int, at: datetime) -> Facts:
    """checkouts/create"""
    she = person((keys[1], Key("checkout_token", f"c-{number}")), at)
    row = {
        "token": f"c-{number}", "started_at": at, "updated_at": at, "told_at": at,
        "completed_at": None, "total": 1000, "currency": "USD", "url": "http://s/c", "lines": [],
    }  # fmt: skip
    return Facts(people=[she], checkouts=[(she, row)])


def unsubscribes(keys: tuple[Key, ...], number: int, at: datetime) -> Facts:
    """customers_email_marketing_consent/update"""
    she = person(keys[:2], at)
    said = Allowed(she, "email", keys[1].value, UNSUBSCRIBED, at, f"{keys[1].value}:{at}")
    return Facts(people=[she], consents=[said])


ACTS = (says_who, fills_a_cart, orders, gets_a_parcel, starts_a_checkout, unsubscribes)


def fact(act: Any, number: int) -> Facts:
    """Each number is one shopper's order, cart and checkout, at its own time: up to 9 before."""
    at = CUT + timedelta(minutes=10 * (number - 9.5) + ACTS.index(act))
    return act(NOAH if number % 3 == 0 else MAYA, number, at)


def tell(shop: Shop, *said: Facts) -> None:
    apply(shop, facts.merge(said))


def forget(shop: Shop, reference: str = "r") -> None:
    apply(shop, Facts(asked=[Asked(REDACT, CUT, reference, MAYA)]))
    with db.reading() as session:
        due = [request.id for request in privacy.requests_of(session, shop.id)]
    asked_of_us.carry_out(shop.id, due)
