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
from storage.profiles import (
    STRENGTH,
    DataSource,
    Identity,
    IdentityKind,
    Merge,
    Profile,
    SourceProfile,
)
from tests.properties.examples import thousand

SHOP = 7
START = datetime(2026, 11, 21, tzinfo=UTC)
CUSTOMERS, EMAILS, CARTS = (
    [IdentityKey(kind, str(n)) for n in range(3)]
    for kind in (IdentityKind.CUSTOMER, IdentityKind.EMAIL, IdentityKind.CART)
)


@st.composite
def named(draw: st.DrawFn) -> tuple[IdentityKey, ...]:
    """What one fact names: a customer and their own address, one of both, and maybe a cart."""
    number = draw(st.integers(0, 2))
    keys = draw(
        st.sampled_from(
            [
                (CUSTOMERS[number], EMAILS[number]),
                (CUSTOMERS[number],),
                (EMAILS[number],),
                (),
            ]
        )
    )
    carts = draw(st.lists(st.sampled_from(CARTS), max_size=1, min_size=0 if keys else 1))
    return (*keys, *carts)


@st.composite
def facts(draw: st.DrawFn) -> list[ProfileFact]:
    """Facts of different minutes. A cart alone tells nothing of who its shopper is."""
    told = draw(st.lists(named(), max_size=7))
    minutes = draw(st.permutations(range(len(told))))
    return [fact(draw, keys, minute) for keys, minute in zip(told, minutes, strict=True)]


def fact(draw: st.DrawFn, keys: tuple[IdentityKey, ...], minute: int) -> ProfileFact:
    at = START + timedelta(minutes=minute)
    if keys[0] in CARTS:
        return ProfileFact(keys, at)
    name = draw(st.sampled_from(["Ada", "Bo", None]))
    source = draw(st.sampled_from(["shopify", DataSource.MERCHANT, DataSource.UNPROVEN]))
    return ProfileFact(keys, at, {"first_name": name}, {"skin_need": name}, source=source)


def people_by_the_book(said: list[ProfileFact]) -> set[frozenset[IdentityKey]]:
    """Who is who: a customer with the address that a fact names beside them, and the carts that
    they used last.
    """
    found: dict[IdentityKey, set[IdentityKey]] = {}
    for person in said:
        for key in person.identities:
            found.setdefault(key, {key})
    for person in said:
        strong = [key for key in person.identities if key not in CARTS]
        if len(strong) == 2:
            both = found[strong[0]] | found[strong[1]]
            for key in both:
                found[key] = both
    used: dict[IdentityKey, ProfileFact] = {}
    for person in sorted(said, key=lambda each: each.reported_at):
        if person.identities[0] not in CARTS:
            used |= {key: person for key in person.identities if key in CARTS}
    for cart, person in used.items():
        found[person.identities[0]].add(cart)
        del found[cart]
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


def names(session: Session, shop_id: int) -> dict[frozenset[IdentityKey], Any]:
    """Return what each person is called, by their identities."""
    known = groups(session, shop_id)
    told = ("email", "first_name", "properties", "field_times", "field_sources")
    return {
        known[row["id"]]: {name: row[name] for name in told}
        for row in rows(session, shop_id, Profile)
        if row["id"] in known
    }


@thousand
@given(
    said=facts(),
    order=st.randoms(use_true_random=False),
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_p01_any_order_and_grouping_gives_the_same_people(example, said, order, sizes):
    shuffled = [*said, *said]
    order.shuffle(shuffled)
    with example() as session:
        tell(session, SHOP, said, list(sizes))
        in_order = names(session, SHOP)
    assert in_order.keys() == people_by_the_book(said)
    with example() as session:
        tell(session, SHOP, shuffled, list(sizes))
        assert names(session, SHOP) == in_order


addresses = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=8)


@thousand
@given(told=addresses, order=st.randoms(use_true_random=False))
def test_p01_an_address_is_the_customers_whose_record_had_it_last(example, told, order):
    """An address that is given up and registered by another goes alone."""
    said = [
        ProfileFact(
            (CUSTOMERS[who], EMAILS[email]),
            START + timedelta(minutes=minute),
            {"email": EMAILS[email].value, "first_name": f"Customer {who}"},
        )
        for minute, (who, email) in enumerate(told)
    ]
    last = {EMAILS[email]: CUSTOMERS[who] for who, email in told}
    mine = {CUSTOMERS[who]: EMAILS[email] for who, email in told}
    shuffled = [*said, *said]
    order.shuffle(shuffled)
    with example() as session:
        tell(session, SHOP, shuffled, [1, 2])
        found = names(session, SHOP)
    assert {keys: row["email"] for keys, row in found.items()} == {
        frozenset({customer, *(email for email, owner in last.items() if owner == customer)}): (
            mine[customer].value if last[mine[customer]] == customer else None
        )
        for customer in mine
    }


CUSTOMER, EMAIL, CART = CUSTOMERS[0], EMAILS[0], CARTS[0]
joining = st.sampled_from(
    [
        (CUSTOMER,), (EMAIL,), (CART,), (CUSTOMER, EMAIL), (CUSTOMER, CART),
        (CUSTOMER, EMAIL, CART), (CUSTOMERS[1],), (EMAILS[1],), (CUSTOMERS[1], EMAILS[1]),
    ]
)  # fmt: skip
acts = st.lists(st.one_of(joining, st.integers(0, 20)), max_size=9)


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
                happen(session, number, ProfileFact(act, START, {"first_name": f"of {number}"}))
        left = [row["id"] for row in rows(session, SHOP, Merge) if not row["undone_at"]]
        order.shuffle(left)
        for merge_id in left:
            undo(session, merge_id)
        assert rows(session, SHOP, SourceProfile) == []
        parted = state(session, SHOP)
    with example() as session:
        for number, act in enumerate(acts):
            if not isinstance(act, int):
                happen(
                    session,
                    number,
                    alone(session, ProfileFact(act, START, {"first_name": f"of {number}"})),
                )
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
