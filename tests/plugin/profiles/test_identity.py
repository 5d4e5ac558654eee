"""Identity: the same people, in any order in which their identities are named together."""

from datetime import UTC, datetime, timedelta

from plugin.facts import IdentityKey, ProfileFact, ProfileRef
from plugin.profiles.identity import resolve_profiles
from storage import merges, profiles
from storage.engine import db

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
        (there,) = resolve_profiles(session, shop.id + 1, [person], START)

    assert here != there


def test_a_fact_without_an_identity_has_no_profile(shop):
    with db.transaction() as session:
        assert resolve_profiles(session, shop.id, [ProfileFact((), START)], START) == [None]
