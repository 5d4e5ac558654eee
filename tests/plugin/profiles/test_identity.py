"""Identity: the same people, in any order in which their identities are named together."""

from datetime import UTC, datetime, timedelta

from plugin.facts import EventFact, Facts, IdentityKey, ProfileFact, ProfileRef
from plugin.ingest.digest import apply_facts
from plugin.profiles.identity import resolve_profiles
from plugin.profiles.merge import undo_merge
from storage import merges, profiles
from storage.engine import db
from storage.events import timeline

START = datetime(2026, 11, 21, tzinfo=UTC)


def test_a_merge_is_recorded_and_the_old_profile_id_still_resolves(database, shop):
    cart, email = IdentityKey("cart_token", "c1"), IdentityKey("email", "maya@example.com")
    with db.transaction() as session:
        (browsing,) = resolve_profiles(session, shop.id, [ProfileFact((cart,), START)], START)
        (buyer,) = resolve_profiles(session, shop.id, [ProfileFact((email,), START)], START)
        assert browsing != buyer
        (joined,) = resolve_profiles(session, shop.id, [ProfileFact((cart, email), START)], START)

        kept, gone = sorted((browsing.profile_id, buyer.profile_id))
        assert joined == ProfileRef(kept, buyer.source_profile_id)
        (merge,) = merges.merges_of(session, shop.id, kept, 10)
        assert (merge.source_profile_id, merge.other_source_profile_id, merge.reason) == (
            buyer.source_profile_id, browsing.source_profile_id, "cart_token",
        )  # fmt: skip
        assert profiles.get_profile(session, shop.id, gone).id == kept


def test_the_newest_word_wins_for_each_field(shop):
    key = (IdentityKey("email", "maya@example.com"),)
    said = [
        ProfileFact(key, START + timedelta(minutes=2), {"first_name": "Maya", "country": "US"}),
        ProfileFact(key, START + timedelta(minutes=1), {"first_name": "M.", "last_name": "Lee"}),
    ]
    with db.transaction() as session:
        (whose, _) = resolve_profiles(session, shop.id, said, START)
        row = profiles.load_profiles(session, shop.id, [whose.profile_id])[whose.profile_id]

    assert (row["first_name"], row["last_name"], row["country"]) == ("Maya", "Lee", "US")


def test_two_shops_never_share_a_person(shop):
    person = ProfileFact((IdentityKey("email", "maya@example.com"),), START)
    with db.transaction() as session:
        (here,) = resolve_profiles(session, shop.id, [person], START)
    with db.transaction() as session:
        (there,) = resolve_profiles(session, shop.id + 1, [person], START)

    assert here != there


def test_a_fact_without_an_identity_has_no_profile(shop):
    with db.transaction() as session:
        assert resolve_profiles(session, shop.id, [ProfileFact((), START)], START) == [None]


def customers_of(session, shop, profile_id: int) -> list[str]:
    found = profiles.identities_of(session, shop.id, [profile_id])
    return [each.value for each in found if each.kind == "customer_id"]


def test_customers_that_shopify_merged_before_we_knew_them_can_be_parted(database, shop):
    """customers/merge may come before what it merges."""
    ana, bo = IdentityKey("customer_id", "101"), IdentityKey("customer_id", "102")
    with db.transaction() as session:
        (both,) = resolve_profiles(session, shop.id, [ProfileFact((ana, bo), START)], START)
        said = [
            ProfileFact((bo,), START + timedelta(minutes=1), {"first_name": "Bo"}),
            ProfileFact((ana,), START + timedelta(minutes=2), {"first_name": "Ana"}),
        ]
        late = resolve_profiles(session, shop.id, said, START)
        assert {each.profile_id for each in late} == {both.profile_id}
        (merge,) = merges.merges_of(session, shop.id, both.profile_id, 10)
        assert undo_merge(session, shop.id, merge.id, "staff", now=START)

        parted = profiles.find_identities(session, shop.id, [ana, bo])
        names = {
            key: profiles.get_profile(session, shop.id, profile_id).first_name
            for key, profile_id in parted.items()
        }
    assert names == {ana: "Ana", bo: "Bo"}


def test_an_address_goes_alone_to_the_customer_who_registers_it_later(database, shop):
    email = IdentityKey("email", "ana@example.com")
    ana, bo = (IdentityKey("customer_id", number) for number in ("101", "102"))
    fields = {"email": email.value}
    with db.transaction() as session:
        (first,) = resolve_profiles(
            session, shop.id, [ProfileFact((ana, email), START, fields)], START
        )
        (second,) = resolve_profiles(
            session,
            shop.id,
            [ProfileFact((bo, email), START + timedelta(days=1), dict(fields))],
            START,
        )
        assert customers_of(session, shop, second.profile_id) == ["102"]
        known = profiles.load_profiles(session, shop.id, [first.profile_id, second.profile_id])
    assert known[first.profile_id]["email"] is None, "nothing is sent there for Ana any more"
    assert known[second.profile_id]["email"] == email.value


def test_a_number_that_a_guest_typed_does_not_make_them_its_owner(database, shop):
    phone = IdentityKey("phone", "+4915112345678")
    guest = ProfileFact((IdentityKey("email", "bo@example.com"), phone), START)
    owner = ProfileFact(
        (IdentityKey("customer_id", "101"), IdentityKey("email", "ana@example.com"), phone),
        START - timedelta(days=1),
    )
    with db.transaction() as session:
        (bo,) = resolve_profiles(session, shop.id, [guest], START)
        (ana,) = resolve_profiles(session, shop.id, [owner], START)
        found = profiles.find_identities(session, shop.id, [phone])
    assert bo.profile_id != ana.profile_id
    assert found == {phone: ana.profile_id}


def test_a_shared_browser_goes_with_what_was_done_since_to_who_bought_last(database, shop):
    browser, first, second = (
        IdentityKey("browser_id", "tablet"),
        IdentityKey("cart_token", "c1"),
        IdentityKey("cart_token", "c2"),
    )
    ana, bo = (IdentityKey("customer_id", number) for number in ("101", "102"))
    minutes = [START + timedelta(minutes=n) for n in range(6)]

    def looks_at(cart: IdentityKey, at: datetime) -> Facts:
        """Return what a page and the cart tell: the browser, and what was put in."""
        seen = ProfileFact((browser, cart), at)
        added = ProfileFact((cart,), at)
        return Facts(
            profiles=[seen, added],
            events=[
                EventFact(seen, "Viewed Product", str(at), at, properties={"browser_id": "tablet"}),
                EventFact(added, "Added to Cart", f"{cart.value}:{at}", at),
            ],
        )

    def buys(who: IdentityKey, cart: IdentityKey, at: datetime) -> Facts:
        return Facts(profiles=[ProfileFact((who, cart), at)])

    for said in (
        looks_at(first, minutes[0]),
        buys(ana, first, minutes[1]),
        looks_at(second, minutes[2]),
        buys(bo, second, minutes[3]),
        looks_at(second, minutes[4]),
    ):
        apply_facts(shop, said)

    with db.reading() as session:
        known = profiles.find_identities(session, shop.id, [ana, bo, browser, first, second])
        did = {
            who: sorted(event.occurred_at for event in timeline(session, shop.id, known[who]))
            for who in (ana, bo)
        }
    assert (known[browser], known[first], known[second]) == (known[bo], known[ana], known[bo])
    assert did == {ana: [minutes[0]] * 2, bo: [minutes[2]] * 2 + [minutes[4]] * 2}
