"""Facts: what a storefront tells us, in our own words, whatever the shape that it came in.

A normaliser turns one delivery into `Facts`; the digest applies them. Every fact carries the
storefront's own time, so that the order of arrival does not matter.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from babel.numbers import get_currency_precision
from email_validator import EmailNotValidError, validate_email
from phonenumbers import (
    NumberParseException,
    PhoneNumberFormat,
    country_code_for_region,
    format_number,
    is_valid_number,
    parse,
)
from sqlmodel import SQLModel

from plugin.errors import MalformedError

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# An address of which only the domain may be wrong: a dot-atom (RFC 5322, 3.2.3) at letters that no
# other ones stand for (Punycode, RFC 3492).
_PLAIN = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?!.*xn--)[a-z0-9.-]+",
    re.ASCII | re.IGNORECASE,
)
MAX_MONEY_UNITS = 10**14  # whole units: its minor units fit into 64 bits in every currency


class IdentityKey(NamedTuple):
    """One identity: a kind of `storage.profiles` and its value."""

    kind: str
    value: str


@dataclass(slots=True)
class ProfileFact:
    """A profile by its identities. `fields` hold what `source` reported of it at `at`.

    A missing field clears nothing: a source leaves out what it does not report.
    """

    identities: tuple[IdentityKey, ...]
    reported_at: datetime
    fields: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    complete_prefix: str = ""  # a prefix: `properties` name all of the profile's properties with it
    source: str = "shopify"


class ProfileRef(NamedTuple):
    """The profile that a fact belongs to, and the origin in it that its keys name."""

    profile_id: int
    source_profile_id: int

    @property
    def columns(self) -> dict[str, int | None]:
        """Return the profile columns of a row that is about this profile."""
        alone = self.profile_id == self.source_profile_id
        return {
            "profile_id": self.profile_id,
            "source_profile_id": None if alone else self.source_profile_id,
        }


NO_PROFILE: dict[str, int | None] = {"profile_id": None, "source_profile_id": None}


@dataclass(slots=True)
class EventFact:
    """Something a person did. `value` is in minor units of `currency`; `quiet` starts no flow."""

    profile: ProfileFact
    metric: str
    unique_id: str
    occurred_at: datetime
    value: int | None = None
    currency: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    is_silent: bool = False


@dataclass(slots=True)
class ConsentFact:
    """A shopper's yes or no for one address on one channel, told by the storefront."""

    profile: ProfileFact
    channel: str
    address: str
    state: str
    occurred_at: datetime
    dedupe_key: str
    source: str = "storefront"
    method: str = ""
    legal_basis: str = "consent"
    expires_at: datetime | None = None
    disclosure: str = ""


@dataclass(slots=True)
class ListJoinFact:
    """A profile joins a list; `starts_flows` where this is new, and not history."""

    profile: ProfileFact
    list_id: int
    joined_at: datetime
    source: str
    starts_flows: bool = False


@dataclass(slots=True)
class RecordFact:
    """A row of one of `storage`'s tables as the storefront describes it now; the newest wins."""

    table: type[SQLModel]
    row: dict[str, Any]
    profile: ProfileFact | None = None


@dataclass(slots=True)
class PrivacyFact:
    """What the law lets a person ask of us: its kind, and by which keys they are known."""

    kind: str
    requested_at: datetime
    reference: str
    identities: tuple[IdentityKey, ...] = ()


@dataclass(slots=True)
class Facts:
    """All that one delivery says; rows are those of `storage`, yet without shop and profile."""

    profiles: list[ProfileFact] = field(default_factory=list)
    events: list[EventFact] = field(default_factory=list)
    consents: list[ConsentFact] = field(default_factory=list)
    orders: list[tuple[ProfileFact, dict[str, Any], list[dict[str, Any]]]] = field(
        default_factory=list
    )
    checkouts: list[tuple[ProfileFact, dict[str, Any]]] = field(default_factory=list)
    products: list[tuple[dict[str, Any], list[dict[str, Any]]]] = field(default_factory=list)
    records: list[RecordFact] = field(default_factory=list)
    list_joins: list[ListJoinFact] = field(default_factory=list)
    shop: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    deleted_codes: list[str] = field(default_factory=list)
    deleted_discounts: list[str] = field(default_factory=list)  # by the storefront's ids
    finished_operations: list[str] = field(default_factory=list)
    privacy_requests: list[PrivacyFact] = field(default_factory=list)
    plan_changed: bool = False
    historical: bool = False  # read from the past: what was before the install sets off nothing
    domain: str = ""  # the store that the body itself names: no signature covers the headers
    uninstalled_at: datetime | None = None
    redacted: list[ProfileFact] = field(default_factory=list)  # who was left out


def without_unstorable(value: Any) -> Any:
    """Parsed JSON without what no database holds in a text: NUL, and half of a pair."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("", value)
    if isinstance(value, list):
        return [without_unstorable(each) for each in value]
    if isinstance(value, dict):
        return {without_unstorable(name): without_unstorable(each) for name, each in value.items()}
    return value


def parse_email(text: object) -> str | None:
    """An address in its normal form, or None. Deliverability is not asked."""
    if not isinstance(text, str) or not text or len(text) > 254:
        return None
    return _email(text)


@lru_cache(4096)  # one delivery names its customer several times, a batch even more often
def _email(text: str) -> str | None:
    typed = text.strip()
    if _PLAIN.fullmatch(typed):
        return typed.lower() if _normal(f"a@{typed.rpartition('@')[2].lower()}") else None
    return _normal(typed)


@lru_cache(4096)  # the domain is most of the work, and most shoppers share a few
def _normal(text: str) -> str | None:
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


def parse_mailbox(address: str) -> str:
    """The mailbox behind a normal address: tags do not count, and Gmail overlooks dots.

    Tags: RFC 5233; dots: support.google.com/mail/answer/7436150.
    """
    name, _, domain = address.partition("@")
    name = name.partition("+")[0] or name
    if domain in ("gmail.com", "googlemail.com"):
        name, domain = name.replace(".", ""), "gmail.com"
    return f"{name}@{domain}"


def parse_phone(text: object, country: str | None = None) -> str | None:
    """A number in E.164, or None. `country` (ISO 3166-1) reads numbers without a prefix."""
    if not isinstance(text, str) or not text or len(text) > 40:
        return None
    return _phone(text, country)


@lru_cache(4096)
def _phone(text: str, country: str | None) -> str | None:
    try:
        number = parse(text, country)
    except NumberParseException:
        return None
    return format_number(number, PhoneNumberFormat.E164) if is_valid_number(number) else None


def calling_code(country: str) -> int:
    """Return the digits after the + in a country's (ISO 3166-1) phone numbers; 0 if unknown."""
    return country_code_for_region(country)


def parse_time(text: object, name: str) -> datetime:
    """A time as the storefront writes it (ISO 8601 with an offset).

    Raises:
        MalformedError: it is none.
    """
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        at = None
    if at is None or at.utcoffset() is None:
        raise MalformedError(f"{name} is not a time with an offset")
    return at


def to_minor_units(amount: object, currency: str, name: str = "amount") -> int:
    """A decimal amount in minor units: minor("19.99", "USD") is 1999, minor("1999", "JPY") 1999.

    Raises:
        MalformedError: it is no amount.
    """
    try:
        value = Decimal(str(amount))
        if not abs(value) < MAX_MONEY_UNITS:  # also refuses NaN; 1e999999 would be a million digits
            raise ValueError
        return int((value * 10 ** get_currency_precision(currency)).to_integral_value())
    except (ArithmeticError, ValueError):
        raise MalformedError(f"{name} is not an amount of money") from None


def to_decimal(amount: int, currency: str) -> str:
    """Minor units as a decimal amount: decimal(1999, "USD") is "19.99", and 1999 yen "1999"."""
    places = get_currency_precision(currency)
    return f"{Decimal(amount).scaleb(-places):.{places}f}"


def identity_keys(*pairs: tuple[str, object]) -> tuple[IdentityKey, ...]:
    """Those of the (kind, value) pairs that hold something, once each."""
    return tuple(dict.fromkeys(IdentityKey(kind, str(value)) for kind, value in pairs if value))


def merge_facts(many: Sequence[Facts]) -> Facts:
    """Several deliveries' facts as one."""
    total = Facts()
    for facts in many:
        total.profiles += facts.profiles
        total.events += facts.events
        total.consents += facts.consents
        total.orders += facts.orders
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
        if facts.uninstalled_at is not None:
            total.uninstalled_at = max(
                facts.uninstalled_at, total.uninstalled_at or facts.uninstalled_at
            )
    return total
