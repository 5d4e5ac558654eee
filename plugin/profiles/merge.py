"""Merge two profiles that turned out to be one person, and undo that.

A merged profile is a tree: its source profiles are joined by merges. Every row keeps the source
profile that it came to, and every source profile keeps its own facts. So a merge that is undone, in
any order, splits the tree at that place, and each side has its own identities, events, orders,
messages, enrolments, lists and fields. Facts from in between went to the source profile of the
strongest identity that they named.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from sqlmodel import Session

from plugin.facts import IdentityKey, ProfileFact
from plugin.insight import attribution
from plugin.profiles import fields
from plugin.profiles.duplicates import COMPARED_FIELDS
from storage import activity, duplicates, events, merges, profile_names, profiles
from storage.engine import bulk
from storage.engine.ids import new_id
from storage.lists import MembershipRow
from storage.profiles import DataSource, Merge, Profile, ProfileRow, SourceProfileRow

DuplicateKeys = tuple[str | None, ...]
UNKNOWN: DuplicateKeys = (None,) * len(COMPARED_FIELDS)
_looks: Callable[[ProfileRow], DuplicateKeys] = itemgetter(*COMPARED_FIELDS)


@dataclass
class MergeGroup:
    """Some profiles of a shop while they are joined and parted; `save` writes them all."""

    session: Session
    shop_id: int
    now: datetime
    rows: dict[int, ProfileRow] = field(default_factory=dict)
    origins: dict[int, SourceProfileRow] = field(default_factory=dict)
    fresh: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    changed: set[int] = field(default_factory=set)
    duplicate_keys: dict[int, DuplicateKeys] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)

    def load(self, profile_ids: Iterable[int]) -> None:
        """Take in profiles that are there."""
        ids = set(profile_ids) - self.rows.keys()
        if ids:
            found = profiles.load_profiles(self.session, self.shop_id, ids)
            self.rows |= found
            self.duplicate_keys |= {key: _looks(row) for key, row in found.items()}
            self.origins |= merges.load_sources(self.session, self.shop_id, ids)

    def add(self, profile_id: int | None = None) -> int:
        """Make a profile of which nothing is known; its id."""
        made = profile_id or new_id()
        self.rows[made] = fields.new_row(self.shop_id, made, self.now)
        self.fresh.add(made)
        return made

    def profile_of(self, source_profile_id: int) -> int:
        """The profile that an origin is part of."""
        held = self.origins.get(source_profile_id)
        return source_profile_id if held is None else held["profile_id"]

    def sources(self, profile_id: int) -> set[int]:
        """The origins of a profile: at least itself."""
        held = {key for key, row in self.origins.items() if row["profile_id"] == profile_id}
        return held or {profile_id}

    def blocking_merges(self, one_id: int, other_id: int) -> list[Merge]:
        """The undone merges that keep the profiles of two origins apart."""
        one, other = self.sources(self.profile_of(one_id)), self.sources(self.profile_of(other_id))
        return [
            merge
            for merge in merges.merges_among(self.session, self.shop_id, one)
            if merge.blocks_remerge
            and (
                (merge.source_profile_id in one and merge.other_source_profile_id in other)
                or (merge.source_profile_id in other and merge.other_source_profile_id in one)
            )
        ]

    def merge(self, one_id: int, other_id: int, because: str, by: str = "") -> int:
        """Make one profile of those of two origins, the older one; its id."""
        kept, gone = sorted((self.profile_of(one_id), self.profile_of(other_id)))
        if kept == gone:
            return kept
        for profile_id in (kept, gone):
            self._remember(profile_id)
        merges.add_merge(
            self.session,
            {
                "shop_id": self.shop_id, "id": new_id(), "source_profile_id": one_id,
                "other_source_profile_id": other_id,
                "reason": because, "merged_at": self.now, "merged_by": by, "blocks_remerge": False,
            },
        )  # fmt: skip
        self.session.flush()
        self.session.expunge_all()
        self._share_lists(kept, gone)
        merges.move_rows(self.session, self.shop_id, gone, kept)
        fields.merge_row(self.rows[kept], self.rows.pop(gone))
        self.changed.add(kept)
        merges.delete_profile(self.session, self.shop_id, gone)
        self.deleted.add(gone)
        self.moved |= {kept, gone}
        for source_profile_id in self.sources(gone):
            self.origins[source_profile_id]["profile_id"] = kept
        return kept

    def split(self, side: Collection[int]) -> None:
        """Let some origins of a profile be a profile by themselves again."""
        old = self.profile_of(min(side))
        rest = self.sources(old) - set(side)
        away, home = (side, rest) if old in rest else (rest, side)
        new = min(away)
        self.session.flush()
        self.session.expunge_all()
        self._part_lists(old, new, away)
        merges.move_rows_back(self.session, self.shop_id, old, new, origins=away)
        self.add(new)
        self.moved |= {old, new}
        for profile_id, tree in ((old, home), (new, away)):
            first, *others = (
                fields.parse_own_values(self.origins[each]["own"]) for each in sorted(tree)
            )
            self.rows[profile_id] = {**self.rows[profile_id], **first}
            for other in others:
                fields.merge_row(self.rows[profile_id], other)
            self.changed.add(profile_id)
            for each in tree:
                self.origins[each]["profile_id"] = profile_id
        for tree in (home, away):
            if len(tree) == 1:
                merges.delete_sources(self.session, self.shop_id, tree)
                del self.origins[min(tree)]

    def describe(self, source_profile_id: int, person: ProfileFact) -> None:
        """Write what a fact says into the profile and, where it is one of several, the origin."""
        profile_id = self.profile_of(source_profile_id)
        if fields.apply_fact(self.rows[profile_id], person):
            self.changed.add(profile_id)
        if held := self.origins.get(source_profile_id):
            alone = fields.parse_own_values(held["own"])
            fields.apply_fact(alone, person)
            held["own"] = fields.row_without_merges(alone)

    def clear_address(self, profile_id: int, key: IdentityKey) -> None:
        """Take an address that is another profile's by now out of a profile and its sources."""
        fields.clear_value(self.rows[profile_id], key.kind, key.value)
        self.changed.add(profile_id)
        for source_profile_id in self.sources(profile_id):
            if held := self.origins.get(source_profile_id):
                alone = fields.parse_own_values(held["own"])
                fields.clear_value(alone, key.kind, key.value)
                held["own"] = fields.row_without_merges(alone)

    def save(self) -> None:
        """Write everything back."""
        fresh = [row for key, row in self.rows.items() if key in self.fresh]
        known = [self.rows[key] for key in self.changed & self.rows.keys() - self.fresh]
        bulk.add_rows(self.session, Profile, fresh)
        bulk.save_rows(self.session, Profile, known)
        merges.save_sources(self.session, list(self.origins.values()))
        if self.moved:
            left = self.moved - self.deleted
            events.recount_activity(self.session, self.shop_id, left)
            attribution.credit_again(self.session, self.shop_id, left)
        if self.deleted:
            activity.delete_counts(self.session, self.shop_id, self.deleted)
            duplicates.save_keys(self.session, self.shop_id, self.deleted, ())
            profile_names.save_names(self.session, self.shop_id, (), self.deleted)
        changed = [
            k for k, row in self.rows.items() if _looks(row) != self.duplicate_keys.get(k, UNKNOWN)
        ]
        duplicates.mark_unchecked(self.session, self.shop_id, changed)
        if changed:
            named = self.duplicate_keys.keys() & set(changed)
            profile_names.save_names(
                self.session, self.shop_id, [self.rows[k] for k in changed], named
            )

    def _remember(self, profile_id: int) -> None:
        """Let a profile that stood alone be an origin."""
        if self.sources(profile_id) == {profile_id} and profile_id not in self.origins:
            self.origins[profile_id] = {
                "shop_id": self.shop_id, "id": profile_id, "profile_id": profile_id,
                "own": fields.row_without_merges(self.rows[profile_id]), "memberships": [],
            }  # fmt: skip

    def _share_lists(self, kept: int, gone: int) -> None:
        """Of two memberships of one list the earlier one counts; the other waits at its origin."""
        held: dict[int, MembershipRow] = {}
        for profile_id in (kept, gone):
            for row in merges.memberships_of(self.session, self.shop_id, profile_id):
                row["source_profile_id"] = row["source_profile_id"] or profile_id
                row["profile_id"] = kept
                rival = held.setdefault(row["list_id"], row)
                if rival is not row:
                    first, second = sorted((rival, row), key=_joined)
                    held[row["list_id"]] = first
                    self._wait(second)
        self._put_lists((kept, gone), held.values())

    def _part_lists(self, old: int, new: int, away: Collection[int]) -> None:
        rows: list[MembershipRow] = []
        for row in merges.memberships_of(self.session, self.shop_id, old):
            row["source_profile_id"] = row["source_profile_id"] or old
            rows.append(row)
        for source_profile_id in self.sources(old):
            held = self.origins[source_profile_id]
            rows += [
                {"shop_id": self.shop_id, "list_id": list_id, "profile_id": old,
                 "source_profile_id": source_profile_id,
                 "joined_at": datetime.fromisoformat(at), "source": source}
                for list_id, at, source in held["memberships"]
            ]  # fmt: skip
            held["memberships"] = []
        shown: dict[tuple[int, int], MembershipRow] = {}
        for row in sorted(rows, key=_joined):
            row["profile_id"] = new if row["source_profile_id"] in away else old
            if shown.setdefault((row["profile_id"], row["list_id"]), row) is not row:
                self._wait(row)
        self._put_lists((old, new), shown.values())

    def _wait(self, row: MembershipRow) -> None:
        origin = self.origins[_source(row)]
        membership = [row["list_id"], row["joined_at"].isoformat(), row["source"]]
        origin["memberships"] = [*origin["memberships"], membership]

    def _put_lists(self, profile_ids: Iterable[int], rows: Iterable[MembershipRow]) -> None:
        put: list[MembershipRow] = [
            {
                **row,
                "source_profile_id": None
                if row["source_profile_id"] == row["profile_id"]
                else row["source_profile_id"],
            }
            for row in rows
        ]
        merges.save_memberships(self.session, self.shop_id, profile_ids, put)


def merge_profiles(
    session: Session, shop_id: int, one_id: int, other_id: int, *, by: str, now: datetime
) -> int:
    """Make one profile of two because a person says so, even where keys may not; its id.

    The caller holds the shop's lock and commits.
    """
    house = MergeGroup(session, shop_id, now)
    house.load((one_id, other_id))
    merges.allow_merge_again(
        session, shop_id, [merge.id for merge in house.blocking_merges(one_id, other_id)]
    )
    kept = house.merge(one_id, other_id, DataSource.MERCHANT, by)
    house.save()
    return kept


def undo_merge(session: Session, shop_id: int, merge_id: int, by: str, *, now: datetime) -> bool:
    """Take a merge back; False when there is none to take back.

    From now on no key joins the two sides again: what names both goes to the side of its
    strongest key. Only a person joins them anew. The caller holds the shop's lock and commits.
    """
    merge = merges.get_merge(session, shop_id, merge_id)
    if merge is None or merge.undone_at is not None:
        return False
    merges.mark_undone(session, shop_id, merge_id, now, by=by)
    held = profiles.get_profile(session, shop_id, merge.source_profile_id)
    if held is None:
        return False  # redacted meanwhile
    house = MergeGroup(session, shop_id, now)
    house.load([held.id])
    tree = house.sources(held.id)
    links = [
        (each.source_profile_id, each.other_source_profile_id)
        for each in merges.merges_among(session, shop_id, tree)
        if each.undone_at is None and each.id != merge_id
    ]
    house.split(_reached(merge.source_profile_id, links))
    pair = (
        house.profile_of(merge.source_profile_id),
        house.profile_of(merge.other_source_profile_id),
    )
    duplicates.dismiss_duplicate(session, shop_id, pair, now, by=by)
    house.save()
    return True


def _reached(start: int, links: Collection[tuple[int, int]]) -> set[int]:
    """Everything that links lead to from a start."""
    reached, grown = {start}, True
    while grown:
        fresh = {end for link in links if reached & set(link) for end in link} - reached
        reached |= fresh
        grown = bool(fresh)
    return reached


def _joined(row: MembershipRow) -> tuple[datetime, int]:
    return row["joined_at"], _source(row)


def _source(row: MembershipRow) -> int:
    """The origin that joined; `profile_id` names one until it was merged."""
    return row["source_profile_id"] or row["profile_id"]
