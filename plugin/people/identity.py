"""Identity: which profile is it? In: people as their facts describe them. Out: a profile for each.

Two people are one as soon as anything names both. The outcome depends on what was said, never on
the order in which it came: keys are joined by union-find, and for each field the newest word wins.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlmodel import Session

from plugin.facts import Key, Person
from plugin.people.merge import fold_fields, merge_profiles
from storage import bulk, profiles
from storage.ids import new_id
from storage.profiles import Identity, Profile

Node = Key | int


def resolve(
    session: Session, shop_id: int, people: Sequence[Person], now: datetime
) -> list[int | None]:
    """The profile of each person, made or merged as needed; None for one without any key."""
    known = profiles.find_identities(session, shop_id, {k for p in people for k in p.keys})
    groups = _groups(people, {Key(*key): profile_id for key, profile_id in known.items()})
    loaded = profiles.load_profiles(session, shop_id, known.values())
    chosen: dict[Key, int] = {}
    fresh: list[dict[str, Any]] = []
    for keys, profile_ids in groups:
        kept = min(profile_ids) if profile_ids else new_id()
        if not profile_ids:
            loaded[kept] = _blank(shop_id, kept, now)
            fresh.append(loaded[kept])
        for gone in sorted(profile_ids - {kept}):
            shared = next(k for k in sorted(keys) if known.get((k.kind, k.value)) == gone)
            merge_profiles(session, shop_id, loaded[kept], loaded.pop(gone), shared.kind, now)
        chosen.update(dict.fromkeys(keys, kept))
    found = [chosen[p.keys[0]] if p.keys else None for p in people]
    for person, profile_id in zip(people, found, strict=True):
        if profile_id is not None:
            _describe(loaded[profile_id], person)
    made = {row["id"] for row in fresh}
    bulk.add(session, Profile, fresh)
    bulk.save(session, Profile, [row for key, row in loaded.items() if key not in made])
    at = {key: person.at for person in people for key in person.keys}
    bulk.add(
        session,
        Identity,
        [
            {
                "shop_id": shop_id,
                "kind": key.kind,
                "value": key.value,
                "profile_id": profile_id,
                "linked_at": at[key],
            }
            for key, profile_id in sorted(chosen.items())
            if (key.kind, key.value) not in known and key in at
        ],
    )
    return found


def _groups(people: Sequence[Person], known: dict[Key, int]) -> list[tuple[set[Key], set[int]]]:
    """Keys and profiles that belong together, as (keys, profile ids)."""
    parent: dict[Node, Node] = {}

    def root(node: Node) -> Node:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for person in people:
        for key in person.keys:
            parent[root(key)] = root(person.keys[0])
            if key in known:
                parent[root(known[key])] = root(key)
    together: dict[Node, tuple[set[Key], set[int]]] = {}
    for node in list(parent):
        keys, ids = together.setdefault(root(node), (set(), set()))
        if isinstance(node, Key):
            keys.add(node)
        else:
            ids.add(node)
    return list(together.values())


def _blank(shop_id: int, profile_id: int, now: datetime) -> dict[str, Any]:
    own = {"shop_id": shop_id, "id": profile_id, "created_at": now}
    return {**_defaults(), **own, "properties": {}, "field_times": {}}


@lru_cache
def _defaults() -> dict[str, Any]:
    """A row of which nothing is known; making an object for each costs more than to insert it."""
    return dict.fromkeys(column.name for column in Profile.__table__.c)  # type: ignore[attr-defined]


def _describe(row: dict[str, Any], person: Person) -> None:
    """Write what was said of a person into her row, each field if it is the newest word on it."""
    fold_fields(row, person.fields, dict.fromkeys(person.fields, person.at.isoformat()))
    times = {f"properties.{name}": person.at.isoformat() for name in person.properties}
    fold_fields(row, {f"properties.{k}": v for k, v in person.properties.items()}, times)
    row["created_at"] = min(row["created_at"], person.at)
    row["seen_at"] = person.at if row["seen_at"] is None else max(row["seen_at"], person.at)
