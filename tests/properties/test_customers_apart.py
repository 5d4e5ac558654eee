"""Two customers stay two people, whatever they share: browsers, carts, phones, gifts, addresses.

Each act says who did it. A profile holds what one customer did, or those that were merged; what
starts a mail was done by the shopper who gets it; what staff join, they can part.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from plugin.facts import EventFact, Facts, IdentityKey, PrivacyFact, ProfileFact, merge_facts
from plugin.ingest.record import record_facts
from plugin.profiles import merge
from plugin.shopify.normalise.route import normaliser
from storage import data_subject, erasure, profiles
from storage.events import Event
from storage.privacy_requests import PrivacyTopic
from storage.profiles import Identity, IdentityKind, Merge, Profile
from storage.shops import Shop, add_shop
from tests.conftest import NOW
from tests.properties.examples import thousand

PEOPLE, CARTS, BROWSERS = range(3), range(2), range(2)
STORE_ADDRESS = "till@example.com"


@dataclass(frozen=True)
class Act:
    """What one customer did, and with what that others use as well."""

    what: str
    who: int
    other: int
    cart: int
    browser: int
    minute: int

    @property
    def at(self) -> datetime:
        return NOW - timedelta(hours=2) + timedelta(minutes=self.minute)


def customer(who: int, at: datetime) -> dict[str, Any]:
    return {
        "id": 101 + who, "email": f"{who}@example.com", "phone": None, "first_name": f"First {who}",
        "updated_at": at.isoformat(), "default_address": {"country_code": "DE"},
    }  # fmt: skip


def receipt(act: Act) -> dict[str, Any]:
    """What an order and a checkout say of their buyer: a parcel to, and a phone of, another."""
    return {
        "email": STORE_ADDRESS, "phone": "+4930901820", "customer": customer(act.who, act.at),
        "shipping_address": {"first_name": f"First {act.other}", "country_code": "CA"},
        "cart_token": f"cart-{act.cart}", "created_at": act.at.isoformat(),
        "updated_at": act.at.isoformat(), "currency": "USD", "total_price": "40.00",
        "line_items": [
            {"id": 1, "title": "Thing", "quantity": 1, "price": "40.00", "product_id": 1,
             "variant_id": 1}
        ],
    }  # fmt: skip


def told(act: Act) -> Facts:
    """The facts of an act."""
    number = 1000 + act.minute
    if act.what == "registers":
        return said("customers/update", customer(act.who, act.at))
    if act.what == "orders":
        return said("orders/create", {"id": number, "name": f"#{number}", **receipt(act)})
    if act.what == "starts a checkout":
        token = f"checkout-{act.cart}"
        return said("checkouts/create", {"token": token, **receipt(act)})
    if act.what == "fills a cart":
        cart = {"token": f"cart-{act.cart}", "line_items": receipt(act)["line_items"]}
        at = act.at.isoformat()
        return said("carts/update", {**cart, "created_at": at, "updated_at": at})
    browser = IdentityKey(IdentityKind.BROWSER, f"browser-{act.browser}")
    cart_key = IdentityKey(IdentityKind.CART, f"cart-{act.cart}")
    seen = ProfileFact((browser, cart_key), act.at)
    did = EventFact(
        seen, "Viewed Product", f"{act.minute}", act.at,
        properties={"browser_id": browser.value},
    )  # fmt: skip
    return Facts(profiles=[seen], events=[did])


def said(topic: str, payload: dict[str, Any]) -> Facts:
    normalise = normaliser(topic)
    assert normalise is not None
    return normalise(topic, payload, "USD")


@dataclass
class Store:
    """A shop, and which customers are one by Shopify's or the staff's word."""

    session: Session
    shop: Shop
    merged: list[set[int]] = field(default_factory=list)

    def play(self, act: Act) -> None:
        if act.what == "is merged":
            keys = (101 + act.who, 101 + act.other)
            merging = {
                "admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{keys[0]}",
                "admin_graphql_api_customer_deleted_id": f"gid://shopify/Customer/{keys[1]}",
                "status": "completed", "triggered_at": act.at.isoformat(),
            }  # fmt: skip
            self.merged.append({act.who, act.other})
            self.record(said("customers/merge", merging))
        elif act.what == "is forgotten":
            self.forget(act)
        else:
            self.record(told(act))

    def record(self, facts: Facts) -> None:
        record_facts(self.session, self.shop, merge_facts([facts]), NOW)

    def forget(self, act: Act) -> None:
        keys = (
            IdentityKey(IdentityKind.CUSTOMER, str(101 + act.who)),
            IdentityKey(IdentityKind.EMAIL, f"{act.who}@example.com"),
        )
        subject = data_subject.find_subject(self.session, self.shop.id, keys)
        asked = PrivacyFact(PrivacyTopic.REDACT, act.at, f"{act.minute}", keys)
        self.record(Facts(privacy_requests=[asked]))
        while erasure.erase_batch(self.session, self.shop.id, subject):
            pass

    def customers(self) -> dict[int, set[int]]:
        """The customers that each profile holds."""
        found: dict[int, set[int]] = {}
        for row in self.session.exec(select(Identity).where(Identity.shop_id == self.shop.id)):
            if row.kind == IdentityKind.CUSTOMER:
                found.setdefault(row.profile_id, set()).add(int(row.value) - 101)
        return found

    def same(self, who: int) -> set[int]:
        """Everybody who is one with a customer."""
        group, grown = {who}, True
        while grown:
            more = {n for pair in self.merged if pair & group for n in pair} - group
            group |= more
            grown = bool(more)
        return group


WHATS = (
    "registers", "orders", "starts a checkout", "fills a cart", "looks", "is merged",
    "is forgotten",
)  # fmt: skip
lives = st.lists(
    st.builds(
        Act,
        st.sampled_from(WHATS),
        st.sampled_from(PEOPLE),
        st.sampled_from(PEOPLE),
        st.sampled_from(CARTS),
        st.sampled_from(BROWSERS),
        st.integers(0, 100),
    ),
    max_size=7,
    unique_by=lambda act: act.minute,
)


@thousand
@given(lived=lives, order=st.randoms(use_true_random=False))
def test_no_profile_holds_two_customers_whom_nobody_merged(example, lived, order):
    """In any order, and twice."""
    twice = [*lived, *lived]
    order.shuffle(twice)
    with example() as session:
        store = Store(session, add_shop(session, "apart.myshopify.com", NOW - timedelta(days=9)))
        session.flush()
        for act in twice:
            store.play(act)
        session.expire_all()
        for profile_id, held in store.customers().items():
            assert held <= store.same(min(held)), "two customers became one profile"
            profile = profiles.get_profile(session, store.shop.id, profile_id)
            assert profile is not None
            assert profile.email in (None, *(f"{who}@example.com" for who in held)), (
                "an address that is nobody's of this profile"
            )
            assert profile.country in (None, "DE"), "the receiver of a gift became the buyer"
        if all(act.what != "is forgotten" for act in lived):
            check_events(store, lived)


def check_events(store: Store, lived: list[Act]) -> None:
    """What may start a mail was done by a customer of the profile that has its event."""
    held = store.customers()
    by_minute = {act.minute: act for act in lived}
    newest = {
        f"checkout-{act.cart}": act
        for act in sorted(lived, key=lambda act: act.minute)
        if act.what == "starts a checkout"
    }
    for event in store.session.exec(select(Event).where(Event.shop_id == store.shop.id)):
        minute = int((event.occurred_at - NOW + timedelta(hours=2)).total_seconds() // 60)
        if event.metric == "Placed Order":
            actor = by_minute[minute].who
        elif event.metric == "Checkout Started":
            actor = newest[event.unique_id].who
        else:
            continue
        owners = held.get(event.profile_id, set())
        assert owners & store.same(actor), f"{event.metric} is somebody else's"


@settings(thousand, max_examples=200)
@given(lived=lives, pair=st.permutations(PEOPLE), order=st.randoms(use_true_random=False))
def test_what_staff_join_they_can_part(example, lived, pair, order):
    lived = [act for act in lived if act.what not in ("is merged", "is forgotten")]
    with example() as session:
        store = Store(session, add_shop(session, "apart.myshopify.com", NOW - timedelta(days=9)))
        session.flush()
        for act in lived:
            store.play(act)
        session.expire_all()
        before = store.customers()
        ids = {who: profile_id for profile_id, held in before.items() for who in held}
        one, other = (ids.get(who) for who in pair[:2])
        if one is None or other is None:
            return
        people = whole(store)
        merge.merge_profiles(session, store.shop.id, one, other, by="staff", now=NOW)
        (joined,) = (each for each in standing(store) if each.reason == "merchant")
        session.expire_all()
        assert merge.undo_merge(session, store.shop.id, joined.id, "staff", now=NOW)
        session.expire_all()
        assert store.customers() == before
        assert whole(store) == people


def standing(store: Store) -> list[Merge]:
    found = store.session.exec(select(Merge).where(Merge.shop_id == store.shop.id))
    return [each for each in found if each.undone_at is None]


def whole(store: Store) -> dict[int, Any]:
    """Each profile with its name and events."""
    events = store.session.exec(select(Event).where(Event.shop_id == store.shop.id))
    did = sorted((event.profile_id, event.metric, event.unique_id) for event in events)
    people = store.session.exec(select(Profile).where(Profile.shop_id == store.shop.id))
    return {
        each.id: (each.email, each.first_name, [act for act in did if act[0] == each.id])
        for each in people
    }
