"""P01: which profiles are one person follows from the facts, not from their order; and what a
merchant splits stays as it would have been without the merge.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, SQLModel

from plugin.facts import IdentityKey, ProfileFact
from plugin.profiles import list_membership, merge
from plugin.profiles.identity import resolve_profiles
from storage import profiles
from storage.engine import db
from storage.engine.ids import new_id
from storage.events import Event, add_events
from storage.lists import Membership
from storage.profiles import STRENGTH, DataSource, Identity, Merge, Profile, SourceProfile
from tests.properties.examples import thousand

SHOP = 7
START = datetime(2026, 11, 21, tzinfo=UTC)
KEYS = [
    IdentityKey(kind, str(n)) for kind in ("email", "customer_id", "cart_token") for n in range(3)
]

people = st.builds(
    lambda keys, minutes, name, source: ProfileFact(
        tuple(dict.fromkeys(keys)),
        START + timedelta(minutes=minutes),
        {"first_name": name},
        {"skin_need": name},
        source=source,
    ),
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=3),
    st.integers(0, 5),
    st.sampled_from(["Ada", "Bo", None]),
    st.sampled_from(["shopify", DataSource.MERCHANT, DataSource.UNPROVEN]),
)


class UnionFind:
    """Who is one person, by the book."""

    def __init__(self) -> None:
        self.parent: dict[IdentityKey, IdentityKey] = {}

    def root(self, key: IdentityKey) -> IdentityKey:
        self.parent.setdefault(key, key)
        while self.parent[key] != key:
            key = self.parent[key]
        return key

    def join(self, keys: tuple[IdentityKey, ...]) -> None:
        for key in keys:
            self.parent[self.root(key)] = self.root(keys[0])

    def groups(self) -> set[frozenset[IdentityKey]]:
        found: dict[IdentityKey, set[IdentityKey]] = {}
        for key in self.parent:
            found.setdefault(self.root(key), set()).add(key)
        return {frozenset(group) for group in found.values()}


def tell(session: Session, shop_id: int, said: list[ProfileFact], sizes: list[int]) -> None:
    """Resolve people in batches of these sizes, and then the rest."""
    at = 0
    while at < len(said):
        size = sizes.pop() if sizes else len(said)
        resolve_profiles(session, shop_id, said[at : at + size], START)
        at += size


def rows(session: Session, shop_id: int, model: type[SQLModel]) -> list[dict[str, Any]]:
    session.flush()
    table = db.table_of(model)
    found = session.connection().execute(table.select().where(table.c.shop_id == shop_id))
    return [{k: v for k, v in row._mapping.items() if k != "shop_id"} for row in found]


def groups(session: Session, shop_id: int) -> dict[int, frozenset[IdentityKey]]:
    """What each profile is known by."""
    found: dict[int, set[IdentityKey]] = {}
    for row in rows(session, shop_id, Identity):
        found.setdefault(row["profile_id"], set()).add(IdentityKey(row["kind"], row["value"]))
    return {profile_id: frozenset(keys) for profile_id, keys in found.items()}


def state(session: Session, shop_id: int) -> dict[Any, Any]:
    """Return each person by their identities, with all their rows."""
    names = groups(session, shop_id)
    found: dict[Any, Any] = {names[row.pop("id")]: row for row in rows(session, shop_id, Profile)}
    for model in (Event, Membership):
        found[model] = sorted(
            (sorted(names[row.pop("profile_id")]), str({k: v for k, v in row.items() if k != "id"}))
            for row in rows(session, shop_id, model)
        )
    return found


@thousand
@given(
    said=st.lists(people, max_size=6),
    order=st.randoms(use_true_random=False),
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_p01_any_order_and_grouping_gives_the_same_people(example, said, order, sizes):
    known = UnionFind()
    for person in said:
        known.join(person.identities)
    shuffled = [*said, *said]
    order.shuffle(shuffled)
    with example() as session:
        tell(session, SHOP, said, list(sizes))
        in_order = state(session, SHOP)
    assert {hers for hers in in_order if isinstance(hers, frozenset)} == known.groups()
    with example() as session:
        tell(session, SHOP, shuffled, list(sizes))
        assert state(session, SHOP) == in_order


acts = st.lists(st.one_of(people, st.integers(0, 20)), max_size=9)


@thousand
@given(acts=acts, order=st.randoms(use_true_random=False))
def test_p01_merges_undone_in_any_order_restore_each_profile(example, acts, order):
    """Facts that name two people join them, and merges are taken back in between, in any order.

    When all are, it is as if each fact had named the person of its strongest key alone.
    """
    with example() as session:
        for number, act in enumerate(acts):
            if isinstance(act, int):
                standing = [each for each in rows(session, SHOP, Merge) if not each["undone_at"]]
                if standing:
                    undo(session, standing[act % len(standing)]["id"])
            else:
                happen(session, number, act)
        left = [row["id"] for row in rows(session, SHOP, Merge) if not row["undone_at"]]
        order.shuffle(left)
        for merge_id in left:
            undo(session, merge_id)
        assert rows(session, SHOP, SourceProfile) == []
        parted = state(session, SHOP)
    with example() as session:
        for number, act in enumerate(acts):
            if not isinstance(act, int):
                happen(session, number, alone(session, act))
        assert state(session, SHOP) == parted


def happen(session: Session, number: int, person: ProfileFact) -> None:
    """Record an event of a person that adds them to a list."""
    (whose,) = resolve_profiles(session, SHOP, [person], START)
    assert whose is not None
    add_events(
        session,
        [
            {"shop_id": SHOP, "id": new_id(), "metric": "Viewed Product", "value": None,
             "unique_id": str(number), "occurred_at": person.reported_at, "currency": None,
             "properties": {}, **whose.columns}
        ],
    )  # fmt: skip
    at = START + timedelta(hours=number)
    list_membership.add_to_list(session, SHOP, number % 2, whose, at=at, source=f"fact {number}")


def alone(session: Session, person: ProfileFact) -> ProfileFact:
    """Return the same, without the identities that lead to another profile than the
    strongest does.
    """
    known = profiles.find_identities(session, SHOP, person.identities)
    named = sorted(
        (k for k in person.identities if k in known), key=lambda k: STRENGTH.index(k.kind)
    )
    owner = known[named[0]] if named else None
    keys = tuple(key for key in person.identities if known.get(key, owner) == owner)
    return replace(person, identities=keys)


def undo(session: Session, merge_id: int) -> None:
    session.expire_all()
    assert merge.undo_merge(session, SHOP, merge_id, "staff", now=START)
    assert not merge.undo_merge(session, SHOP, merge_id, "staff", now=START), "once is enough"
