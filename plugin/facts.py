"""Facts: what a storefront reports, in one shape for every source.

A normaliser turns one delivery into `Facts`; the digest applies them. Every fact carries the
storefront's own time, so that the order of arrival does not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypedDict

from sqlmodel import SQLModel

from storage.checkouts import ReportedCheckout
from storage.consent_ledger import ConsentPurpose, ConsentSource, ConsentState
from storage.engine.types import JsonObject, Row
from storage.orders import ReportedOrder, ReportedOrderLine
from storage.privacy_requests import PrivacyTopic
from storage.products import ProductWithVariants
from storage.profiles import DataSource, KeyKind

TAG_PREFIX = "tag:"  # of the property that a customer's tag is


class IdentityKey(NamedTuple):
    """One identity: its kind and its value."""

    kind: KeyKind
    value: str


@dataclass(slots=True)
class ProfileFact:
    """A profile by its identities. `fields` hold what `source` reported of it at `at`.

    A missing field clears nothing: a source leaves out what it does not report. Without
    `makes_profile` it only adds to a profile that there is: an order without a buyer makes none.
    """

    identities: tuple[IdentityKey, ...]
    reported_at: datetime
    fields: dict[str, str | None] = field(default_factory=dict)
    properties: JsonObject = field(default_factory=dict)
    complete_prefix: str = ""  # a prefix: `properties` name all of the profile's properties with it
    source: DataSource = DataSource.SHOPIFY
    makes_profile: bool = True


class ProfileColumns(TypedDict):
    """The profile of a row: columns of every table that is about profiles."""

    profile_id: int
    source_profile_id: int | None


class OptionalProfileColumns(TypedDict):
    """As `ProfileColumns`, of a row that may be of no profile's."""

    profile_id: int | None
    source_profile_id: int | None


class ProfileRef(NamedTuple):
    """The profile that a fact belongs to, and the origin in it that its keys name."""

    profile_id: int
    source_profile_id: int

    @property
    def columns(self) -> ProfileColumns:
        """Return the profile columns of a row that is about this profile."""
        alone = self.profile_id == self.source_profile_id
        return {
            "profile_id": self.profile_id,
            "source_profile_id": None if alone else self.source_profile_id,
        }


NO_PROFILE: OptionalProfileColumns = {"profile_id": None, "source_profile_id": None}


@dataclass(slots=True)
class EventFact:
    """Something a person did. `value` is in minor units of `currency`; `is_silent` starts no flow.

    Of one that `may_change`, told several times, the newest `updated_at` of its properties counts.
    """

    profile: ProfileFact
    metric: str
    unique_id: str
    occurred_at: datetime
    value: int | None = None
    currency: str | None = None
    properties: JsonObject = field(default_factory=dict)
    is_silent: bool = False
    may_change: bool = False
    counts_from_earliest: bool = False  # told several times, it happened when the first one says


@dataclass(slots=True)
class ConsentFact:
    """A shopper's yes or no for one address on one channel, reported by the storefront."""

    profile: ProfileFact
    channel: str
    address: str
    state: ConsentState
    occurred_at: datetime
    dedupe_key: str
    source: ConsentSource = ConsentSource.STOREFRONT
    method: str = ""
    legal_basis: str = "consent"
    expires_at: datetime | None = None
    disclosure: str = ""
    purpose: ConsentPurpose = ConsentPurpose.MARKETING


class SuppressionFact(NamedTuple):
    """An address that only its owner may open to marketing again, since a complaint or a bounce."""

    channel: str
    address: str
    at: datetime


@dataclass(slots=True)
class ListJoinFact:
    """A profile joins a list; `starts_flows` where this is new, and not history.

    `asked_at` is when a merchant asked for it, where it comes later.
    """

    profile: ProfileFact
    list_id: int
    joined_at: datetime
    source: str
    starts_flows: bool = False
    asked_at: datetime | None = None


@dataclass(slots=True)
class RecordFact:
    """A row of one of `storage`'s tables as the storefront describes it now; the newest wins."""

    table: type[SQLModel]
    row: Row
    profile: ProfileFact | None = None


@dataclass(slots=True)
class PrivacyFact:
    """A privacy request of a person: its kind, and their identities."""

    kind: PrivacyTopic
    requested_at: datetime
    reference: str
    identities: tuple[IdentityKey, ...] = ()


@dataclass(slots=True)
class Facts:
    """All that one delivery says; rows are those of `storage`, yet without shop and profile."""

    profiles: list[ProfileFact] = field(default_factory=list)
    events: list[EventFact] = field(default_factory=list)
    consents: list[ConsentFact] = field(default_factory=list)
    suppressions: list[SuppressionFact] = field(default_factory=list)
    orders: list[tuple[ProfileFact, ReportedOrder, list[ReportedOrderLine]]] = field(
        default_factory=list
    )
    placed_elsewhere: set[int] = field(default_factory=set)  # orders that imply no consent here
    checkouts: list[tuple[ProfileFact, ReportedCheckout]] = field(default_factory=list)
    products: list[ProductWithVariants] = field(default_factory=list)
    records: list[RecordFact] = field(default_factory=list)
    list_joins: list[ListJoinFact] = field(default_factory=list)
    shop: list[tuple[datetime, dict[str, str]]] = field(default_factory=list)
    deleted_codes: list[str] = field(default_factory=list)
    deleted_discounts: list[str] = field(default_factory=list)  # by the storefront's ids
    finished_operations: list[str] = field(default_factory=list)
    privacy_requests: list[PrivacyFact] = field(default_factory=list)
    plan_changed: bool = False
    historical: bool = False  # read from the past: what was before the install sets off nothing
    domain: str = ""  # the store that the body itself names: no signature covers the headers
    uninstalled_at: datetime | None = None
    redacted: list[ProfileFact] = field(default_factory=list)  # profiles that were left out


def identity_keys(*pairs: tuple[KeyKind, object]) -> tuple[IdentityKey, ...]:
    """Those of the (kind, value) pairs that hold something, once each."""
    return tuple(dict.fromkeys(IdentityKey(kind, str(value)) for kind, value in pairs if value))


def merge_facts(many: Sequence[Facts]) -> Facts:
    """Several deliveries' facts as one."""
    total = Facts()
    for facts in many:
        total.profiles += facts.profiles
        total.events += facts.events
        total.consents += facts.consents
        total.suppressions += facts.suppressions
        total.orders += facts.orders
        total.placed_elsewhere |= facts.placed_elsewhere
        total.checkouts += facts.checkouts
        total.products += facts.products
        total.records += facts.records
        total.list_joins += facts.list_joins
        total.shop += facts.shop
        total.deleted_codes += facts.deleted_codes
        total.deleted_discounts += facts.deleted_discounts
        total.finished_operations += facts.finished_operations
        total.privacy_requests += facts.privacy_requests
        total.plan_changed |= facts.plan_changed
        total.historical |= facts.historical
        if facts.uninstalled_at is not None:
            total.uninstalled_at = max(
                facts.uninstalled_at, total.uninstalled_at or facts.uninstalled_at
            )
    return total
