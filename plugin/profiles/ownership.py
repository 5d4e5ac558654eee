"""Decide which profile owns each identity, while facts are resolved.

Two customers of Shopify's are one person only where a fact names both (customers/merge) or staff
say so. An address in a customer's record is theirs, and goes alone to the customer who has it in
theirs later. A browser, a cart, a checkout or a phone number that was only typed proves no one's
identity: it leads to the person who used it last (docs/decisions/0012).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from plugin.facts import IdentityKey, ProfileFact, ProfileRef
from plugin.profiles.merge import MergeGroup
from storage import identity_claims, shared_devices
from storage.identity_claims import KeyClaim, KnownKey
from storage.profiles import (
    STRENGTH,
    STRONG,
    DataSource,
    IdentityKind,
    KeyKind,
)
from storage.shared_devices import Handover

RANKS = {kind: rank for rank, kind in enumerate(STRENGTH)}
DEVICES = frozenset((IdentityKind.BROWSER, IdentityKind.CART, IdentityKind.CHECKOUT))
ADDRESSES = frozenset((IdentityKind.EMAIL, IdentityKind.PHONE))
RENEWED = DEVICES | ADDRESSES
Pair = tuple[KeyKind, str]


@dataclass(slots=True)
class Ownership:
    """The owners of the keys that a batch of facts names: their source profiles."""

    session: Session
    shop_id: int
    group: MergeGroup
    known: dict[Pair, KnownKey]
    owners: dict[Pair, int] = field(default_factory=dict)
    claimed: dict[Pair, datetime | None] = field(default_factory=dict)
    browsers: dict[Pair, str] = field(default_factory=dict)
    changed: set[Pair] = field(default_factory=set)
    told: set[Pair] = field(default_factory=set)  # addresses with a newer claim
    handovers: list[Handover] = field(default_factory=list)
    named: dict[int, set[KeyKind]] | None = None

    def __post_init__(self) -> None:
        for key, (_, source, claimed_at, browser_id) in self.known.items():
            self.owners[key], self.claimed[key] = source, claimed_at
            if browser_id is not None:
                self.browsers[key] = browser_id

    def find_home(self, person: ProfileFact) -> int | None:
        """Return the source profile of a fact, after each of its keys has its owner."""
        home = self._single_owner(person.identities)
        if home is not None:
            self._use_again(person, home)
            return home
        keys = sorted(person.identities, key=_strength)
        found = [key for key in keys if key in self.owners]
        if not found and (not keys or not person.makes_profile):
            return None
        anchor = _anchor(keys)
        if anchor is not None and anchor not in self.owners:
            home = next((self.owners[k] for k in found if self._may_take(anchor, k)), None)
        else:
            home = self.owners[found[0]] if found else None
        if home is None:
            if not person.makes_profile:
                return None
            home = self.group.add()
        if anchor is not None and anchor.kind == IdentityKind.CUSTOMER:
            for key in keys:
                if key.kind in ADDRESSES:
                    self._keep_claim(key, home)
        if anchor is not None and anchor not in self.owners:
            self._link(anchor, home, anchor, person)  # it says who `home` is
        for key in keys:
            if key.kind == IdentityKind.CUSTOMER and key not in self.owners:
                self._link(key, self.group.add(), anchor, person)  # so that a merge can be undone
                found.append(key)
        for key in found:
            self._settle(key, home, anchor, person)
        for key in keys:
            if key not in self.owners:
                self._link(key, home, anchor, person)
        return home

    def _single_owner(self, keys: Sequence[IdentityKey]) -> int | None:
        """The source profile that each of these keys leads to; None where they do not agree."""
        owners = set(map(self.owners.get, keys))
        return owners.pop() if len(owners) == 1 else None

    def _use_again(self, person: ProfileFact, home: int) -> None:
        """Note that a person's keys, which all lead to them already, were used again."""
        keys = person.identities
        anchor = _anchor(keys)
        if anchor is None:
            return
        is_customer = anchor.kind == IdentityKind.CUSTOMER
        for key in keys:
            if is_customer and key.kind in ADDRESSES:
                self._keep_claim(key, home)
                self._renew(key, anchor, person.reported_at)
            elif key.kind in DEVICES:
                self._renew(key, anchor, person.reported_at)
                if browser := self.browsers.get(key):
                    self._settle_browser(browser, key, home, person)

    def profile_of(self, key: Pair) -> int:
        """The profile that a key leads to."""
        return self.group.profile_of(self.owners[key])

    def _may_take(self, anchor: IdentityKey, key: IdentityKey) -> bool:
        """Whether a person who is new is the one that this key leads to."""
        kinds = self.kinds_of(self.profile_of(key))
        if key.kind == IdentityKind.EMAIL or key.kind == IdentityKind.EXTERNAL:
            return anchor.kind == IdentityKind.EXTERNAL or IdentityKind.CUSTOMER not in kinds
        if key.kind == IdentityKind.PHONE:
            return kinds <= {IdentityKind.PHONE}
        return not kinds

    def _settle(
        self, key: IdentityKey, home: int, anchor: IdentityKey | None, person: ProfileFact
    ) -> None:
        """Join the profile that a known key leads to, or take the key from it, or leave it."""
        other = self.owners[key]
        if self.group.profile_of(other) == self.group.profile_of(home):
            self._renew(key, anchor, person.reported_at)
        elif self.group.blocking_merges(home, other):
            pass
        elif self._are_one(key, home, anchor):
            self._merge(home, other, key)
            self._renew(key, anchor, person.reported_at)
        elif anchor is not None and self._is_newer(key, anchor, person):
            self._take(key, home, person.reported_at)
        if anchor is not None and key.kind in DEVICES and (browser := self.browsers.get(key)):
            self._settle_browser(browser, key, home, person)

    def _settle_browser(
        self, browser: str, key: IdentityKey, home: int, person: ProfileFact
    ) -> None:
        """A cart that only one browser named: its buyer uses the browser."""
        there = IdentityKey(IdentityKind.BROWSER, browser)
        if self.owners.get(key) is None or self.profile_of(key) != self.group.profile_of(home):
            return
        if not self._adopt(there):
            return
        since = self.claimed[there]
        if self.profile_of(there) == self.group.profile_of(home):
            self._renew(there, there, person.reported_at)
        elif since is None or since <= person.reported_at:
            self._take_browser(there, home, person.reported_at)

    def _take_browser(self, browser: IdentityKey, home: int, at: datetime) -> None:
        old = self.profile_of(browser)
        self._take(browser, home, at)
        for pair in identity_claims.keys_of_browser(self.session, self.shop_id, old, browser.value):
            key = IdentityKey(*pair)
            if self._adopt(key) and self.claimed[key] is None:
                self._take(key, home, None)

    def _adopt(self, key: IdentityKey) -> bool:
        """Take in a key that no fact of this batch names; whether it is known."""
        if key in self.owners:
            return True
        held = identity_claims.find_known_keys(self.session, self.shop_id, [key]).get(key)
        if held is None:
            return False
        self.group.load([held.profile_id])
        self.known[key], self.owners[key] = held, held.source_profile_id
        self.claimed[key], self.named = held.claimed_at, None
        return True

    def _are_one(self, key: IdentityKey, home: int, anchor: IdentityKey | None) -> bool:
        """Whether what a key leads to and the fact's own profile are the same person."""
        mine = self.kinds_of(self.group.profile_of(home))
        theirs = self.kinds_of(self.profile_of(key))
        if not mine or not theirs:
            return True  # a visitor
        if key.kind == IdentityKind.CUSTOMER:
            return anchor is not None and anchor.kind == IdentityKind.CUSTOMER
        if IdentityKind.CUSTOMER in mine and IdentityKind.CUSTOMER in theirs:
            return False
        if key.kind == IdentityKind.EMAIL or key.kind == IdentityKind.EXTERNAL:
            return True
        return key.kind == IdentityKind.PHONE and theirs == {IdentityKind.PHONE}

    def _is_newer(self, key: IdentityKey, anchor: IdentityKey, person: ProfileFact) -> bool:
        """Whether a fact's claim to another profile's key is newer than theirs."""
        since = self.claimed[key]
        if key.kind in ADDRESSES:
            if anchor.kind != IdentityKind.CUSTOMER:
                return False
            owner = self.profile_of(key)
            if IdentityKind.CUSTOMER not in self.kinds_of(owner):
                return True  # it was only typed
            row = self.group.rows[owner]
            told = row["field_times"].get(key.kind)
            shopify = row["field_sources"].get(key.kind) == DataSource.SHOPIFY
            if told and shopify and row.get(key.kind) == key.value:
                until = datetime.fromisoformat(told)
                since = until if since is None else max(since, until)
        return since is None or since <= person.reported_at

    def _merge(self, home: int, other: int, key: IdentityKey) -> None:
        kinds = self.kinds_of(self.group.profile_of(home)) | self.kinds_of(
            self.group.profile_of(other)
        )
        kept = self.group.merge(home, other, key.kind)
        assert self.named is not None
        self.named[kept] = kinds

    def _take(self, key: IdentityKey, home: int, at: datetime | None) -> None:
        """Let another profile's key lead here; what was done with it since goes along."""
        old = self.profile_of(key)
        since = self.claimed[key]
        self.owners[key], self.claimed[key] = home, at
        self.changed.add(key)
        to = ProfileRef(self.group.profile_of(home), home)
        if key.kind in DEVICES:
            source = to.columns["source_profile_id"]
            if key.kind == IdentityKind.CHECKOUT:
                since = None  # one checkout is one person's: it may have been begun by a slip
            self.handovers.append(Handover(key.kind, key.value, old, to.profile_id, source, since))
            self.group.moved |= {old, to.profile_id}
        elif key.kind in ADDRESSES:
            self.group.clear_address(old, key)
        self.named = None

    def _renew(self, key: IdentityKey, anchor: IdentityKey | None, at: datetime) -> None:
        """Note that a key was used again by its owner."""
        if anchor is None or key.kind not in RENEWED:
            return
        if key.kind in ADDRESSES and anchor.kind != IdentityKind.CUSTOMER:
            return
        since = self.claimed[key]
        if since is None or since < at:
            self.claimed[key] = at
            (self.changed if key.kind in DEVICES else self.told).add(key)

    def _keep_claim(self, key: IdentityKey, home: int) -> None:
        """Before a customer's record gets another address: note until when it had this one.

        As long as a profile holds an address, its field's time says so.
        """
        row = self.group.rows[self.group.profile_of(home)]
        held, at = row.get(key.kind), row["field_times"].get(key.kind)
        if not isinstance(held, str) or held == key.value or not at:
            return
        if row["field_sources"].get(key.kind) == DataSource.SHOPIFY:
            old = IdentityKey(key.kind, held)
            if not self._adopt(old):
                return
            since, until = self.claimed[old], datetime.fromisoformat(at)
            if self.profile_of(old) == self.group.profile_of(home):
                self.claimed[old] = until if since is None else max(since, until)
                self.changed.add(old)

    def _link(
        self, key: IdentityKey, home: int, anchor: IdentityKey | None, person: ProfileFact
    ) -> None:
        """Let a key that is new lead to the fact's profile."""
        self.owners[key] = home
        self.claimed[key] = None if anchor is None else person.reported_at
        if anchor is None and key.kind in (IdentityKind.CART, IdentityKind.CHECKOUT):
            browser = next((k for k in person.identities if k.kind == IdentityKind.BROWSER), None)
            if browser is not None:
                self.browsers[key] = browser.value
        if self.named is not None and key.kind in STRONG:
            self.named.setdefault(self.group.profile_of(home), set()).add(key.kind)

    def kinds_of(self, profile_id: int) -> set[KeyKind]:
        """The kinds of identity that name a profile as a person."""
        if self.named is None:
            self.named = identity_claims.strong_keys(self.session, self.shop_id, self.group.rows)
            for key, owner in self.owners.items():
                held = self.known.get(key)
                if key[0] in STRONG and (held is None or held.source_profile_id != owner):
                    self.named.setdefault(self.group.profile_of(owner), set()).add(key[0])
        return self.named.get(profile_id, set())

    def save(self) -> None:
        """Write the keys that are new, and those with another owner or a newer claim."""
        claims = [
            KeyClaim(
                key[0], key[1], ref.profile_id, ref.columns["source_profile_id"], self.claimed[key]
            )
            for key in sorted((self.changed | self._past()) & self.known.keys())
            for ref in (self.ref(key),)
        ]
        for handover in self.handovers:
            shared_devices.move_acts(self.session, self.shop_id, handover)
        identity_claims.save_claims(self.session, self.shop_id, claims)

    def _past(self) -> set[Pair]:
        """Addresses with a newer claim that their profiles do not show: the record came late."""
        rows = self.group.rows
        return {key for key in self.told if rows[self.profile_of(key)].get(key[0]) != key[1]}

    def ref(self, key: Pair) -> ProfileRef:
        """The profile and source profile of a key."""
        return ProfileRef(self.group.profile_of(self.owners[key]), self.owners[key])


def _anchor(keys: Iterable[IdentityKey]) -> IdentityKey | None:
    """The strongest key that names a person; a phone number is one where nothing else does."""
    strongest = None
    for key in keys:
        if key.kind in STRONG and (strongest is None or _strength(key) < _strength(strongest)):
            strongest = key
    return strongest


def _strength(key: IdentityKey) -> int:
    return RANKS[key.kind]
