"""Resolve which profile each fact is about, and merge profiles that share an identity.

Two people are one as soon as anything names both. The outcome depends on the facts, never on the
order in which they came: profiles that share an identity are joined, and for each field the newest
value wins. A merchant's split (`plugin.profiles.merge`) outranks identities: it is not joined by
them again, and a fact that names both sides goes to the side of its strongest identity.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from plugin.facts import IdentityKey, ProfileFact, ProfileRef
from plugin.profiles import properties
from plugin.profiles.merge import MergeGroup
from storage import profiles
from storage.engine import bulk
from storage.profiles import STRENGTH, Identity, IdentityKind, IdentityRow, KeyKind

RANKS = {kind: rank for rank, kind in enumerate(STRENGTH)}

Owners = dict[tuple[KeyKind, str], int]  # the origin that each key leads to


def resolve_profiles(
    session: Session, shop_id: int, people: Sequence[ProfileFact], now: datetime
) -> list[ProfileRef | None]:
    """Return each fact's profile, created or merged as needed; None without any identity."""
    properties.coerce_profiles(session, shop_id, people)
    known = profiles.find_profile_refs(session, shop_id, {k for p in people for k in p.identities})
    house = MergeGroup(session, shop_id, now)
    house.load(profile_id for profile_id, _ in known.values())
    owners: Owners = {key: source_profile_id for key, (_, source_profile_id) in known.items()}
    homes = _homes(house, people, owners)
    for person, home in zip(people, homes, strict=True):
        if home is not None:
            house.describe(home, _without_others(person, home, owners, house))
    house.save()
    found = [None if home is None else ProfileRef(house.profile_of(home), home) for home in homes]
    if new := sorted(owners.keys() - known.keys()):
        at: dict[tuple[KeyKind, str], datetime] = {
            k: p.reported_at for p in people for k in p.identities
        }
        rows: list[IdentityRow] = [
            {"shop_id": shop_id, "kind": key[0], "value": key[1], "linked_at": at[key],
             **ProfileRef(house.profile_of(owners[key]), owners[key]).columns}
            for key in new
        ]  # fmt: skip
        bulk.add_rows(session, Identity, rows)
    return found


def _homes(house: MergeGroup, people: Sequence[ProfileFact], owners: Owners) -> list[int | None]:
    """Return the source profile of each fact; add new identities to `owners`, join shared ones.

    Facts with a known identity come first: one that shares a new identity with them is the same
    profile's, and needs no merge.
    """
    homes: list[int | None] = [None] * len(people)
    ready: deque[int] = deque()
    waiting: dict[int, None] = {}
    having: dict[IdentityKey, list[int]] = {}
    for index, person in enumerate(people):
        if not owners.keys().isdisjoint(person.identities):
            ready.append(index)
        elif person.identities:
            waiting[index] = None
            for key in person.identities:
                having.setdefault(key, []).append(index)
    while ready or waiting:
        index = ready.popleft() if ready else next(iter(waiting))
        waiting.pop(index, None)
        person = people[index]
        homes[index] = home = _home(house, person, owners)
        for key in person.identities:
            if key not in owners:
                owners[key] = home
                woken = [each for each in having.get(key, ()) if each in waiting]
                ready += woken
                for each in woken:
                    del waiting[each]
    return homes


def _home(house: MergeGroup, person: ProfileFact, owners: Owners) -> int:
    """The origin that a person's strongest known key names, joined with those of the others."""
    named = [key for key in person.identities if key in owners]
    if not named:
        return house.add()
    if len(named) > 1:
        named.sort(key=_strength)
    home = owners[named[0]]
    for key in named[1:]:
        other = owners[key]
        if other == home or house.profile_of(home) == house.profile_of(other):
            continue
        if not house.blocking_merges(home, other):
            house.merge(home, other, key.kind)
    return home


def _without_others(
    person: ProfileFact, home: int, owners: Owners, house: MergeGroup
) -> ProfileFact:
    """Return a fact without addresses of profiles that this one was split from."""
    if {owners[key] for key in person.identities} == {home}:
        return person
    others = {
        key.kind
        for key in person.identities
        if key.kind in (IdentityKind.EMAIL, IdentityKind.PHONE)
        and person.fields.get(key.kind) == key.value
        and house.profile_of(owners[key]) != house.profile_of(home)
    }
    if not others:
        return person
    kept = {name: value for name, value in person.fields.items() if name not in others}
    return replace(person, fields=kept)


def _strength(key: IdentityKey) -> int:
    return RANKS[key.kind]
