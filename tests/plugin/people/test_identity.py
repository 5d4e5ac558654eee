"""Identity: the same people, whatever the order in which their keys are named together."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin.facts import Key, Person
from plugin.people.identity import resolve
from storage import db, profiles
from storage.profiles import Identity, Profile
from tests.state import state_of

START = datetime(2026, 11, 21, tzinfo=UTC)
KEYS = [Key(kind, str(n)) for kind in ("email", "customer_id", "cart_token") for n in range(4)]

people = st.lists(
    st.builds(
        lambda keys, minutes, name: Person(
            tuple(dict.fromkeys(keys)),
            START + timedelta(minutes=minutes),
            {"first_name": name},
            {"skin_need": name},
        ),
        st.lists(st.sampled_from(KEYS), min_size=1, max_size=3),
        st.integers(0, 5),
        st.sampled_from(["Ada", "Bo", "Cy"]),
    ),
    max_size=8,
)


def partition(said: list[Person]) -> set[frozenset[Key]]:
    """Who is one person, by the book."""
    groups: list[set[Key]] = []
    for person in said:
        joined = set(person.keys)
        for group in [g for g in groups if g & joined]:
            joined |= group
            groups.remove(group)
        groups.append(joined)
    return {frozenset(g) for g in groups}


def tell(shop_id: int, said: list[Person], sizes: list[int]) -> None:
    """Resolve people in batches of these sizes."""
    at = 0
    while at < len(said):
        size = sizes.pop() if sizes else 1
        with db.transaction() as session:
            resolve(session, shop_id, said[at : at + size], START)
        at += size


def wipe(shop_id: int) -> None:
    with db.transaction() as session:
        for model in (Profile, Identity, profiles.Merge):
            session.connection().execute(
                model.__table__.delete().where(model.__table__.c.shop_id == shop_id)
            )


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(said=people, order=st.randoms(use_true_random=False), sizes=st.lists(st.integers(1, 4)))
def test_any_order_and_grouping_gives_the_same_people(shop, said, order, sizes):
    wipe(shop.id)
    tell(shop.id, said, [1] * len(said))
    in_order = state_of(shop.id)["people"]
    with db.reading() as session:
        known = profiles.find_identities(session, shop.id, KEYS)
    found: dict[int, set[Key]] = {}
    for key, profile_id in known.items():
        found.setdefault(profile_id, set()).add(Key(*key))
    assert {frozenset(group) for group in found.values()} == partition(said)

    wipe(shop.id)
    shuffled = [*said, *said]
    order.shuffle(shuffled)
    tell(shop.id, shuffled, list(sizes))

    assert state_of(shop.id)["people"] == in_order


def test_a_merge_is_written_down_and_the_old_address_still_leads_to_the_person(database, shop):
    cart, email = Key("cart_token", "c1"), Key("email", "maya@example.com")
    with db.transaction() as session:
        (browsing,) = resolve(session, shop.id, [Person((cart,), START)], START)
        (buyer,) = resolve(session, shop.id, [Person((email,), START)], START)
        assert browsing != buyer
        (joined,) = resolve(session, shop.id, [Person((cart, email), START)], START)

        assert joined == min(browsing, buyer)
        (merge,) = profiles.merges_of(session, shop.id, joined)
        assert merge.merged_identities == [["email", "maya@example.com"]]
        assert profiles.get_profile(session, shop.id, max(browsing, buyer)).id == joined


def test_the_newest_word_wins_for_each_field(shop):
    key = (Key("email", "maya@example.com"),)
    said = [
        Person(key, START + timedelta(minutes=2), {"first_name": "Maya", "country": "US"}),
        Person(key, START + timedelta(minutes=1), {"first_name": "M.", "last_name": "Lee"}),
    ]
    with db.transaction() as session:
        (profile_id, _) = resolve(session, shop.id, said, START)
        row = profiles.load_profiles(session, shop.id, [profile_id])[profile_id]

    assert (row["first_name"], row["last_name"], row["country"]) == ("Maya", "Lee", "US")


def test_two_shops_never_share_a_person(shop):
    person = Person((Key("email", "maya@example.com"),), START)
    with db.transaction() as session:
        (here,) = resolve(session, shop.id, [person], START)
        (there,) = resolve(session, shop.id + 1, [person], START)

    assert here != there


def test_somebody_without_any_key_is_nobody(shop):
    with db.transaction() as session:
        assert resolve(session, shop.id, [Person((), START)], START) == [None]
