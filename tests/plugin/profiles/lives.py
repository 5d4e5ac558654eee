"""What happens to Maya and Noah, and a forgetting of Maya: facts as their webhooks tell them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from plugin import facts
from plugin.facts import ConsentFact, EventFact, Facts, IdentityKey, PrivacyFact, ProfileFact
from plugin.ingest.digest import apply_facts
from plugin.privacy import requests
from storage import privacy_requests
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.privacy_requests import PrivacyTopic
from storage.profiles import IdentityKind, RecordKind
from storage.shops import Shop

CUT = datetime(2026, 11, 21, 12, tzinfo=UTC)
MAYA = (
    IdentityKey(IdentityKind.CUSTOMER, "77"),
    IdentityKey(IdentityKind.EMAIL, "maya@example.com"),
    IdentityKey(IdentityKind.PHONE, "+14155550123"),
)
NOAH = (
    IdentityKey(IdentityKind.CUSTOMER, "78"),
    IdentityKey(IdentityKind.EMAIL, "noah@example.com"),
)


def person(keys: tuple[IdentityKey, ...], at: datetime) -> ProfileFact:
    mail = next((key.value for key in keys if key.kind == IdentityKind.EMAIL), None)
    return ProfileFact(
        keys, at, {"email": mail, "first_name": f"{mail} of {at:%H:%M}"} if mail else {}
    )


def says_who(keys: tuple[IdentityKey, ...], number: int, at: datetime) -> Facts:
    """customers/update"""
    return Facts(profiles=[person(keys, at)])


def fills_a_cart(keys: tuple[IdentityKey, ...], number: int, at: datetime) -> Facts:
    """carts/create: a cart without a shopper, until an order with the same number names one."""
    she = ProfileFact((IdentityKey(IdentityKind.CART, f"cart-{number}"),), at)
    return Facts(profiles=[she], events=[EventFact(she, "Added to Cart", f"cart-{number}", at)])


def orders(keys: tuple[IdentityKey, ...], number: int, at: datetime) -> Facts:
    """orders/create"""
    she = person(
        (
            *keys[:2],
            IdentityKey(IdentityKind.CART, f"cart-{number}"),
            IdentityKey(RecordKind.ORDER, str(number)),
        ),
        at,
    )
    row: dict[str, Any] = {
        "id": number, "number": f"#{number}", "placed_at": at, "updated_at": at, "reported_at": at,
        "cancelled_at": None, "total": 1000, "currency": "USD", "checkout_token": f"c-{number}",
        "cart_token": f"cart-{number}", "discount_codes": [], "status_url": f"http://s/{number}",
    }  # fmt: skip
    line = {
        "order_id": number, "line_id": 0, "product_id": None, "variant_id": None,
        "title": "A cup for Maya", "quantity": 1, "price": 1000,
    }  # fmt: skip
    event = EventFact(she, "Placed Order", str(number), at, 1000, "USD", {"order_id": number})
    return Facts(profiles=[she], events=[event], orders=[(she, row, [line])])


def gets_a_parcel(keys: tuple[IdentityKey, ...], number: int, at: datetime) -> Facts:
    """fulfillments/create: names the order alone."""
    she = ProfileFact((IdentityKey(RecordKind.ORDER, str(number)),), at)
    return Facts(
        profiles=[she], events=[EventFact(she, "Confirmed Shipment", f"{number}:{at}", at)]
    )


def starts_a_checkout(keys: tuple[IdentityKey, ...], number: int, at: datetime) -> Facts:
    """checkouts/create"""
    she = person((keys[1], IdentityKey("checkout_token", f"c-{number}")), at)
    row = {
        "token": f"c-{number}", "started_at": at, "updated_at": at, "reported_at": at,
        "completed_at": None, "total": 1000, "currency": "USD", "url": "http://s/c", "lines": [],
    }  # fmt: skip
    return Facts(profiles=[she], checkouts=[(she, row)])


def unsubscribes(keys: tuple[IdentityKey, ...], number: int, at: datetime) -> Facts:
    """customers_email_marketing_consent/update"""
    she = person(keys[:2], at)
    said = ConsentFact(
        she, "email", keys[1].value, ConsentState.UNSUBSCRIBED, at, f"{keys[1].value}:{at}"
    )
    return Facts(profiles=[she], consents=[said])


ACTS = (says_who, fills_a_cart, orders, gets_a_parcel, starts_a_checkout, unsubscribes)


def fact(act: Any, number: int) -> Facts:
    """Each number is one shopper's order, cart and checkout, at its own time: up to 9 before."""
    at = CUT + timedelta(minutes=10 * (number - 9.5) + ACTS.index(act))
    return act(NOAH if number % 3 == 0 else MAYA, number, at)


def tell(shop: Shop, *said: Facts) -> None:
    apply_facts(shop, facts.merge_facts(said))


def forget(shop: Shop, reference: str = "r") -> None:
    apply_facts(
        shop, Facts(privacy_requests=[PrivacyFact(PrivacyTopic.REDACT, CUT, reference, MAYA)])
    )
    with db.reading() as session:
        due = [request.id for request in privacy_requests.requests_of(session, shop.id)]
    requests.run_requests(shop.id, due)
