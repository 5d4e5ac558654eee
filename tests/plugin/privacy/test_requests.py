"""Redaction: what goes, what stays, and which shoppers it affects."""

import random
from datetime import datetime, timedelta

import pytest

from plugin import clock
from plugin.facts import IdentityKey, ProfileFact
from plugin.privacy import deliveries
from plugin.privacy.subject_matcher import SubjectMatcher
from plugin.profiles.identity import resolve_profiles
from storage import arrivals, consent, data_subject, suppressions
from storage.arrivals import NewDelivery, add_deliveries
from storage.consent_ledger import ConsentState
from storage.engine import db, encryption
from storage.engine.ids import new_id
from storage.privacy_requests import DataSubject
from storage.profiles import IdentityKind
from storage.shops import Shop
from tests.plugin.profiles.lives import ACTS, CUT, MAYA, NOAH, forget, orders, says_who, tell
from tests.state import state_of


def test_a_redaction_changes_no_other_profile(shop, monkeypatch):
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
        consent.record_consent(
            session,
            [
                {
                    "shop_id": shop.id, "id": new_id(), "dedupe_key": f"{source}:{address}:{at}",
                    "channel": "email", "address": address, "state": ConsentState.SUBSCRIBED,
                    "occurred_at": at, "recorded_at": at, "source": source,
                }
            ],
        )  # fmt: skip


def state(shop: Shop) -> tuple[str | None, bool]:
    with db.reading() as session:
        held = suppressions.suppressed_addresses(session, shop.id, [("email", "maya@example.com")])
        return consent.consent_state(session, shop.id, "email", "maya@example.com"), bool(held)


def test_only_the_shoppers_own_later_consent_lifts_a_suppression(database, shop, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: CUT)
    yes(shop, "form", CUT - timedelta(days=9))
    assert state(shop) == (ConsentState.SUBSCRIBED, False)
    forget(shop)
    assert state(shop) == (None, True)

    yes(shop, "import", CUT + timedelta(days=1))
    yes(shop, "storefront", CUT + timedelta(days=2))
    assert state(shop) == (None, True)
    yes(shop, "confirmation", CUT + timedelta(days=3), "noah@example.com")
    yes(shop, "form", CUT + timedelta(days=3))  # anybody's
    assert state(shop) == (None, True)

    yes(shop, "confirmation", CUT + timedelta(days=3))
    assert state(shop) == (ConsentState.SUBSCRIBED, False)


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
        encryption.set_keys({"2": "another key that is long enough, too", "1": old})
        yes(shop, "import", CUT + timedelta(days=1))
        assert state(shop) == (None, True)
        tell(shop, says_who(MAYA, 1, CUT - timedelta(days=1)))
        assert state_of(shop.id)["people"] == {}
        yes(shop, "confirmation", CUT + timedelta(days=2))
        assert state(shop) == (ConsentState.SUBSCRIBED, False)
    finally:
        encryption.set_keys({"1": old})


def test_another_shop_keeps_its_profile(shop, monkeypatch):
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
def test_a_delivery_that_names_the_data_subject_is_found(body, named):
    keys = [
        (IdentityKind.EMAIL, "maya@example.com"),
        (IdentityKind.EMAIL, "zoë@example.com"),
        (IdentityKind.PHONE, "+14155550123"),
        (IdentityKind.CUSTOMER, "7001002003"),
    ]

    assert SubjectMatcher(DataSubject(keys)).matches(body) is named


@pytest.mark.parametrize(
    ("key", "body", "named"),
    [
        ((IdentityKind.BROWSER, "total_price"), b'{"total_price": "49.00"}', False),
        ((IdentityKind.CART, "total_price"), b'{"total_price": "49.00"}', False),
        ((IdentityKind.CART, "1"), b'{"quantity": 1, "id": 1}', False),
        ((IdentityKind.CART, "RAIN-30ML-REFILL"), b'{"sku": "RAIN-30ML-REFILL"}', False),
        ((IdentityKind.CART, "hWN6zF2Qk0"), b'{"cart_token": "hWN6zF2Qk0"}', True),
        ((IdentityKind.CART, "hWN6zF2Qk0"), b'{"id": "hWN6zF2Qk0?key=ab", "line_items": []}', True),
        ((IdentityKind.CHECKOUT, "aa11"), b'{"token": "aa11"}', True),
        ((IdentityKind.PHONE, "+6834002"), b'{"id": 1234002999}', False),
    ],
)
def test_a_word_that_anybody_may_have_typed_finds_nobodys_deliveries(key, body, named):
    assert SubjectMatcher(DataSubject([key])).matches(body) is named


def test_a_merely_typed_number_finds_no_deliveries(shop):
    her, body = (IdentityKind.PHONE, "+14155550123"), b'{"phone": "+1 415-555-0123"}'

    assert SubjectMatcher(DataSubject([her])).matches(body)
    assert not SubjectMatcher(DataSubject([her], unproven=[her])).matches(body)


def test_a_number_of_two_shoppers_is_neither_exported_nor_redacted(shop):
    number = "+14155550123"
    typed = [
        ProfileFact(
            (IdentityKey(IdentityKind.EMAIL, f"{name}@example.com"),), CUT, {"phone": number}
        )
        for name in ("maya", "mallory")
    ]
    with db.transaction() as session:
        resolve_profiles(session, shop.id, typed, CUT)
        whom = data_subject.find_subject(
            session, shop.id, [(IdentityKind.EMAIL, "mallory@example.com")]
        )

    assert (IdentityKind.PHONE, number) not in whom.keys

    with db.transaction() as session:
        zoe = ProfileFact(
            (IdentityKey(IdentityKind.EMAIL, "zoe@example.com"),), CUT, {"phone": "+14155550199"}
        )
        resolve_profiles(session, shop.id, [zoe], CUT)
        whom = data_subject.find_subject(
            session, shop.id, [(IdentityKind.EMAIL, "zoe@example.com")]
        )
    assert (IdentityKind.PHONE, "+14155550199") in whom.unproven


def test_one_shopper_with_much_is_forgotten_in_pieces(shop, monkeypatch):
    monkeypatch.setattr("storage.erasure.ROWS_BATCH_SIZE", 7)
    monkeypatch.setattr(clock, "now", lambda: CUT)
    pick = random.Random(1)
    for number in range(60):
        tell(shop, pick.choice(ACTS)(MAYA, number, CUT - timedelta(minutes=number)))
    tell(shop, says_who(MAYA, 1, CUT))

    forget(shop)

    state = state_of(shop.id)
    assert (state["checkouts"], state["consent"]) == ([], [])
    assert "maya" not in str(state)


def test_a_search_takes_in_all_that_came_a_part_of_it_at_a_time(database, shop, monkeypatch):
    monkeypatch.setattr(arrivals, "TAKEN_IN_AT_ONCE", 3)
    body = b'{"email": "maya@example.com"}'

    def keep(*names):
        add_deliveries(
            [NewDelivery(shop.id, name, "orders/create", "", "", CUT, body) for name in names]
        )

    keep(*(f"w{number}" for number in range(10)))
    taken, take_in = [], arrivals.take_in_arrivals

    def take_in_some(session):
        taken.append(take_in(session))
        return taken[-1]

    monkeypatch.setattr(arrivals, "take_in_arrivals", take_in_some)
    maya = DataSubject([(IdentityKind.EMAIL, "maya@example.com")])

    found = [row.webhook_id for page in deliveries.deliveries(shop.id, maya, CUT) for row in page]

    assert found == [f"w{number}" for number in range(10)]
    of_sqlite = [True, True, True, False]
    assert taken == (of_sqlite if "sqlite" in str(db.engine().url) else [False])
