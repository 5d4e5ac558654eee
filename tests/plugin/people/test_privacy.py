"""Forgetting: it is the same whether a fact comes before it or after it, however late (P16)."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin import clock, facts
from plugin.events.digest import apply
from plugin.facts import Allowed, Asked, Did, Facts, Key, Person
from plugin.people import privacy as asked_of_us
from plugin.people.identity import resolve
from plugin.people.raw import Needles
from storage import about, consent, db, privacy, secrets
from storage.consent import SUBSCRIBED, UNSUBSCRIBED
from storage.ids import new_id
from storage.privacy import REDACT, Whom
from storage.profiles import BROWSER, CART, CHECKOUT, CUSTOMER, EMAIL, ORDER, PHONE
from storage.shops import Shop
from tests.state import state_of

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
    return Facts(people=[she], events=[Did(she, "Confirmed Shipment", str(number), at)])


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


before = st.builds(fact, st.sampled_from(ACTS), st.integers(1, 8))
after = st.builds(fact, st.sampled_from(ACTS), st.integers(10, 16))


def tell(shop: Shop, *said: Facts) -> None:
    apply(shop, facts.merge(said))


def forget(shop: Shop, reference: str = "r") -> None:
    apply(shop, Facts(asked=[Asked(REDACT, CUT, reference, MAYA)]))
    with db.reading() as session:
        due = [request.id for request in privacy.requests_of(session, shop.id)]
    asked_of_us.carry_out(shop.id, due)


def another_shop() -> Shop:
    number = new_id()
    shop = Shop(id=number, domain=f"shop{number}.myshopify.com", installed_at=CUT)
    with db.transaction() as session:
        session.add(shop)
    return shop


def people_of(shop: Shop) -> dict[str, Any]:
    """The state, without what a forgetting leaves on purpose: proofs under a mark."""
    state = state_of(shop.id)
    state["ledger"] = [entry for entry in state["ledger"] if "forgotten:" not in entry]
    return state


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    old=st.lists(before, max_size=6),
    new=st.lists(after, max_size=4),
    shuffled=st.randoms(use_true_random=False),
    twice=st.booleans(),
)
def test_p16_it_does_not_matter_when_it_comes(sqlite, bell, monkeypatch, old, new, shuffled, twice):
    """Facts older than the forgetting, split at random into those in time and those too late."""
    monkeypatch.setattr("storage.scrub.scrub", lambda: True)
    monkeypatch.setattr(clock, "now", lambda: CUT)
    first, second = another_shop(), another_shop()
    forget(first)
    tell(first, *old)
    shuffled.shuffle(old)
    in_time = shuffled.randint(0, len(old))
    while_known, late = old[:in_time], [*old[in_time:], *old[: in_time // 2], *new]
    shuffled.shuffle(late)
    for said in while_known:
        tell(second, said)
    forget(second)
    if twice:
        forget(second)
        forget(second, "asked again")

    monkeypatch.setattr(clock, "now", lambda: CUT + timedelta(hours=2))
    tell(first, *new)
    while late:
        size = shuffled.randint(1, 4)
        tell(second, *late[:size])
        del late[:size]

    assert people_of(second) == people_of(first)


def test_nobody_else_is_touched(shop, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: CUT)
    for number, act in enumerate(ACTS):
        tell(shop, act(NOAH, number, CUT))
    held = state_of(shop.id)
    for number, act in enumerate(ACTS):
        tell(shop, act(MAYA, 100, CUT - timedelta(minutes=number)))

    forget(shop)

    found = state_of(shop.id)
    assert found["people"] == held["people"]
    assert found["events"] == held["events"]
    assert found["consent"] == held["consent"]
    assert set(found["orders"]) > set(held["orders"])


def test_amounts_stay_without_the_buyer(database, shop, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: CUT)
    tell(shop, orders(MAYA, 5, CUT - timedelta(days=1)))

    forget(shop)

    (order,) = state_of(shop.id)["orders"]
    assert '"total": 1000' in order
    assert '"profile_id": null' in order
    assert "#5" not in order
    assert "c-5" not in order
    assert "Maya" not in str(state_of(shop.id)["order lines"])


def yes(shop: Shop, source: str, at: datetime, address: str = "maya@example.com") -> None:
    with db.transaction() as session:
        consent.record(
            session,
            [
                {
                    "shop_id": shop.id, "id": new_id(), "unique_key": f"{source}:{address}:{at}",
                    "channel": "email", "address": address, "state": SUBSCRIBED,
                    "occurred_at": at, "recorded_at": at, "source": source,
                }
            ],
        )  # fmt: skip


def state(shop: Shop) -> tuple[str | None, bool]:
    with db.reading() as session:
        held = privacy.suppressed(session, shop.id, [("email", "maya@example.com")])
        return consent.consent_state(session, shop.id, "email", "maya@example.com"), bool(held)


def test_a_later_import_or_webhook_stays_suppressed_and_her_own_word_lifts_it(
    database, shop, monkeypatch
):
    monkeypatch.setattr(clock, "now", lambda: CUT)
    yes(shop, "form", CUT - timedelta(days=9))
    assert state(shop) == (SUBSCRIBED, False)
    forget(shop)
    assert state(shop) == (None, True)

    yes(shop, "import", CUT + timedelta(days=1))
    yes(shop, "storefront", CUT + timedelta(days=2))
    assert state(shop) == (None, True)
    yes(shop, "confirmation", CUT + timedelta(days=3), "noah@example.com")
    yes(shop, "form", CUT + timedelta(days=3))  # anybody's
    assert state(shop) == (None, True)

    yes(shop, "confirmation", CUT + timedelta(days=3))
    assert state(shop) == (SUBSCRIBED, False)


def test_who_was_never_known_is_suppressed_too(shop, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: CUT)
    forget(shop)

    tell(shop, says_who(MAYA, 1, CUT + timedelta(days=1)))
    yes(shop, "import", CUT + timedelta(days=1))

    assert state(shop) == (None, True)
    assert len(state_of(shop.id)["people"]) == 1


def test_suppression_holds_while_the_secret_key_is_rotated(shop, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: CUT)
    forget(shop)
    old = "a key for tests that is long enough"
    try:
        secrets.use_keys({"2": "another key that is long enough, too", "1": old})
        yes(shop, "import", CUT + timedelta(days=1))
        assert state(shop) == (None, True)
        tell(shop, says_who(MAYA, 1, CUT - timedelta(days=1)))
        assert state_of(shop.id)["people"] == {}
        yes(shop, "confirmation", CUT + timedelta(days=2))
        assert state(shop) == (SUBSCRIBED, False)
    finally:
        secrets.use_keys({"1": old})


def test_another_shop_still_knows_her(shop, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: CUT)
    other = Shop(id=shop.id + 1, domain="other.myshopify.com", installed_at=CUT)
    with db.transaction() as session:
        session.add(other)
    tell(other, orders(MAYA, 5, CUT))
    held = state_of(other.id)

    forget(shop)

    assert state_of(other.id) == held


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"email": "Maya@Example.COM"}', True),
        (b'{"note": "call (415) 555-0123 please"}', True),
        (b'{"phone": "+1 415-555-0123"}', True),
        (b'{"customer": {"id": 7001002003}}', True),
        (b'{"admin_graphql_api_id": "gid://shopify/Customer/7001002003"}', True),
        (b'{"id": 97001002003}', False),
        (b'{"id": 70010020031}', False),
        (b'{"email": "noah@example.com"}', False),
        ('{"email": "zoë@example.com"}'.encode(), True),
        (b'{"email": "zo\\u00eb@example.com"}', True),
        (b"", False),
    ],
)
def test_a_delivery_that_names_her_is_recognised(body, named):
    keys = [(EMAIL, "maya@example.com"), (EMAIL, "zoë@example.com"), (PHONE, "+14155550123"),
            (CUSTOMER, "7001002003")]  # fmt: skip

    assert Needles(Whom(keys)).named_in(body) is named


@pytest.mark.parametrize(
    ("key", "body", "named"),
    [
        ((BROWSER, "total_price"), b'{"total_price": "49.00"}', False),
        ((CART, "total_price"), b'{"total_price": "49.00"}', False),
        ((CART, "1"), b'{"quantity": 1, "id": 1}', False),
        ((CART, "RAIN-30ML-REFILL"), b'{"sku": "RAIN-30ML-REFILL"}', False),
        ((CART, "hWN6zF2Qk0"), b'{"cart_token": "hWN6zF2Qk0"}', True),
        ((CART, "hWN6zF2Qk0"), b'{"id": "hWN6zF2Qk0?key=ab", "line_items": []}', True),
        ((CHECKOUT, "aa11"), b'{"token": "aa11"}', True),
        ((PHONE, "+6834002"), b'{"id": 1234002999}', False),
    ],
)
def test_a_word_that_anybody_may_have_typed_finds_nobodys_deliveries(key, body, named):
    assert Needles(Whom([key])).named_in(body) is named


def test_a_number_that_she_only_typed_finds_no_deliveries(shop):
    her, body = (PHONE, "+14155550123"), b'{"phone": "+1 415-555-0123"}'

    assert Needles(Whom([her])).named_in(body)
    assert not Needles(Whom([her], unproven=[her])).named_in(body)


def test_a_number_that_another_gave_too_is_not_hers_to_take_along_or_to_forget(shop):
    number = "+14155550123"
    typed = [
        Person((Key(EMAIL, f"{name}@example.com"),), CUT, {"phone": number})
        for name in ("maya", "mallory")
    ]
    with db.transaction() as session:
        resolve(session, shop.id, typed, CUT)
        whom = about.find(session, shop.id, [(EMAIL, "mallory@example.com")])

    assert (PHONE, number) not in whom.keys

    with db.transaction() as session:
        zoe = Person((Key(EMAIL, "zoe@example.com"),), CUT, {"phone": "+14155550199"})
        resolve(session, shop.id, [zoe], CUT)
        whom = about.find(session, shop.id, [(EMAIL, "zoe@example.com")])
    assert (PHONE, "+14155550199") in whom.unproven


def test_one_shopper_with_much_is_forgotten_in_pieces(shop, monkeypatch):
    monkeypatch.setattr("storage.erasure.BATCH", 7)
    monkeypatch.setattr(clock, "now", lambda: CUT)
    pick = random.Random(1)
    for number in range(60):
        tell(shop, pick.choice(ACTS)(MAYA, number, CUT - timedelta(minutes=number)))
    tell(shop, says_who(MAYA, 1, CUT))

    forget(shop)

    state = state_of(shop.id)
    assert (state["checkouts"], state["consent"]) == ([], [])
    assert "maya" not in str(state)
