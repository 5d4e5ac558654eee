"""Resolve which profile each fact is about, and merge profiles that turn out to be one person.

The outcome depends on the facts, never on the order in which they came: for each field the newest
value wins, and each identity leads to the person who claimed it last
(`plugin.profiles.ownership`). A merchant's split (`plugin.profiles.merge`) outranks identities: it
is not joined by them again, and a fact that names both sides goes to the side of its strongest
identity.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from plugin.facts import IdentityKey, ProfileFact, ProfileRef
from plugin.profiles import properties
from plugin.profiles.merge import MergeGroup
from plugin.profiles.ownership import ADDRESSES, Ownership
from storage import identity_claims, orders
from storage.engine import bulk
from storage.profiles import Identity, IdentityKind, IdentityRow, KeyKind, RecordKind


def resolve_profiles(
    session: Session, shop_id: int, people: Sequence[ProfileFact], now: datetime
) -> list[ProfileRef | None]:
    """Return each fact's profile, created or merged as needed; None without any identity."""
    properties.coerce_profiles(session, shop_id, people)
    keys = {key for person in people for key in person.identities}
    known = identity_claims.find_known_keys(session, shop_id, keys)
    group = MergeGroup(session, shop_id, now)
    group.load(held.profile_id for held in known.values())
    ownership = Ownership(session, shop_id, group, dict(known))
    _leave_ownerless_orders(session, shop_id, people, ownership)
    homes = _homes(ownership, people)
    for person, home in zip(people, homes, strict=True):
        if home is not None:
            group.describe(home, _without_others(person, home, ownership))
    ownership.save()
    group.save()
    found = [None if home is None else ProfileRef(group.profile_of(home), home) for home in homes]
    if new := sorted(ownership.owners.keys() - ownership.known.keys()):
        at: dict[tuple[KeyKind, str], datetime] = {
            k: p.reported_at for p in people for k in p.identities
        }
        rows: list[IdentityRow] = [
            {"shop_id": shop_id, "kind": key[0], "value": key[1], "linked_at": at[key],
             "claimed_at": ownership.claimed[key], "browser_id": ownership.browsers.get(key),
             "is_typed": False,
             "profile_id": profile, "source_profile_id": None if source == profile else source}
            for key in new
            for profile, source in (ownership.ref(key),)
        ]  # fmt: skip
        bulk.add_rows(session, Identity, rows)
    return found


def _leave_ownerless_orders(
    session: Session, shop_id: int, people: Sequence[ProfileFact], ownership: Ownership
) -> None:
    """Let the refund or the parcel of an order without a buyer make no profile either."""
    alone = {
        id(person): int(person.identities[0].value)
        for person in people
        if len(person.identities) == 1
        and person.identities[0].kind == RecordKind.ORDER
        and person.identities[0] not in ownership.owners
    }
    if not alone:
        return
    ownerless = orders.find_ownerless(session, shop_id, set(alone.values()))
    ownerless |= {
        alone[id(person)] for person in people if id(person) in alone and not person.makes_profile
    }
    for person in people:
        if alone.get(id(person)) in ownerless:
            person.makes_profile = False


def _homes(ownership: Ownership, people: Sequence[ProfileFact]) -> list[int | None]:
    """Return the source profile of each fact.

    Facts with a known identity come first: one that shares a new identity with them is the same
    profile's, and needs no merge.
    """
    owners = ownership.owners
    homes: list[int | None] = [None] * len(people)
    waiting: dict[int, None] = {}
    having: dict[IdentityKey, list[int]] = {}

    def settle(index: int) -> None:
        ready = deque((index,))
        while ready:
            person = people[index := ready.popleft()]
            before = len(owners)
            homes[index] = ownership.find_home(person)
            if waiting and len(owners) > before:
                for key in person.identities:
                    woken = [each for each in having.get(key, ()) if each in waiting]
                    ready.extend(woken)
                    for each in woken:
                        del waiting[each]

    for index, person in enumerate(people):
        if not owners.keys().isdisjoint(person.identities):
            settle(index)
        elif person.identities:
            waiting[index] = None
            for key in person.identities:
                having.setdefault(key, []).append(index)
    while waiting:
        index = next(iter(waiting))
        del waiting[index]
        settle(index)
    return homes


def _without_others(person: ProfileFact, home: int, ownership: Ownership) -> ProfileFact:
    """Return a fact without addresses that are another profile's.

    What a customer's record says of an address that is another's by now is no address of theirs
    any more, nor is the one before it.
    """
    mine = ownership.group.profile_of(home)
    others = [
        key
        for key in person.identities
        if key.kind in ADDRESSES
        and ownership.owners[key] != home
        and person.fields.get(key.kind) == key.value
        and ownership.profile_of(key) != mine
    ]
    if not others:
        return person
    kept = {k: v for k, v in person.fields.items() if k not in {key.kind for key in others}}
    if any(key.kind == IdentityKind.CUSTOMER for key in person.identities):
        kept |= {
            key.kind: None
            for key in others
            if IdentityKind.CUSTOMER in ownership.kinds_of(ownership.profile_of(key))
        }
    return replace(person, fields=kept)
