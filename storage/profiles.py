"""Shoppers: one profile a person, the identities that lead to it, and the merges behind it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NotRequired, TypeVar, cast

from sqlalchemy import Index, bindparam, func, update
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select
from typing_extensions import TypedDict

from storage import counts
from storage.counts import Count
from storage.engine import bulk, db
from storage.engine.types import (
    JsonObject,
    big,
    enum_column,
    in_code_order,
    json_column,
    moment,
    origin,
    row_key,
    shop_key,
)


class IdentityKind(StrEnum):
    """What a shopper is known by."""

    EMAIL = "email"
    PHONE = "phone"
    CUSTOMER = "customer_id"
    EXTERNAL = "external_id"  # the person's id in the merchant's other systems
    BROWSER = "browser_id"
    CART = "cart_token"
    CHECKOUT = "checkout_token"
    PUSH = "push_token"  # a browser or phone that takes notifications


class RecordKind(StrEnum):
    """A record that leads to its shopper, as later facts of it name nothing else."""

    ORDER = "order_id"
    SUBSCRIPTION = "subscription_id"


class DataSource(StrEnum):
    """Where a field's value, a property or a membership of a list comes from."""

    SHOPIFY = "shopify"
    FORM = "form"
    UNPROVEN = "unproven"  # a form's sender who is not proven to be the shopper
    IMPORT = "import"
    MERCHANT = "merchant"
    PREFERENCES = "preferences"  # the shopper, on the preference page


KeyKind = IdentityKind | RecordKind
Kind = TypeVar("Kind", bound=str)
# These name a person; the others a device or a visit.
STRONG = (
    IdentityKind.CUSTOMER, IdentityKind.EXTERNAL, IdentityKind.EMAIL, IdentityKind.PHONE,
)  # fmt: skip
STRENGTH: tuple[KeyKind, ...] = (  # the most reliable first
    *STRONG, RecordKind.ORDER, RecordKind.SUBSCRIPTION, IdentityKind.CHECKOUT, IdentityKind.CART,
    IdentityKind.BROWSER,
)  # fmt: skip


class Profile(SQLModel, table=True):
    """One shopper. `field_times` and `field_sources` say when and where from each field has its
    value (`plugin.profiles.fields`): the newest word wins. A property's key is `properties.<name>`.
    """

    __table_args__ = (
        Index("profile_email", "shop_id", "email"),
        Index("profile_seen", "shop_id", "last_active_at", "id"),
        Index("profile_created", "shop_id", "created_at"),
    )

    shop_id: int = shop_key()
    id: int = row_key()
    email: str | None = None
    phone: str | None = Field(default=None, description="E.164")
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = Field(default=None, description="BCP 47, as the storefront gave it")
    country: str | None = Field(default=None, description="ISO 3166-1 alpha-2")
    timezone: str | None = None
    properties: JsonObject = json_column()
    field_times: dict[str, str] = json_column()
    field_sources: dict[str, str] = json_column()
    created_at: datetime = moment()
    last_active_at: datetime = moment()


class ProfileFields(TypedDict):
    """What the row of a profile says of the shopper, by column."""

    email: str | None
    phone: str | None
    first_name: str | None
    last_name: str | None
    locale: str | None
    country: str | None
    timezone: str | None
    properties: JsonObject
    field_times: dict[str, str]
    field_sources: dict[str, str]


class ProfileValues(ProfileFields):
    """As `ProfileFields`, and since when the shopper is known and was active last."""

    created_at: datetime
    last_active_at: datetime


class ProfileRow(ProfileValues):
    """One row of `Profile`."""

    shop_id: int
    id: int


class OwnValues(ProfileFields):
    """`ProfileValues` as JSON."""

    created_at: str
    last_active_at: str


class Identity(SQLModel, table=True):
    """One thing that we know a shopper by, and the profile that it leads to.

    `claimed_at` is when a person known by name used it last, or None. The next one who claims it
    takes it over (`storage.identity_claims`).
    """

    __table_args__ = (
        Index("identity_profile", "shop_id", "profile_id"),
        {"sqlite_with_rowid": False},  # the key is most of the row: once is enough
    )

    shop_id: int = shop_key()
    kind: KeyKind = enum_column(IdentityKind, RecordKind, primary_key=True)
    value: str = Field(primary_key=True, sa_type=in_code_order)
    profile_id: int = big()
    source_profile_id: int | None = origin()
    linked_at: datetime = moment()
    claimed_at: datetime | None = moment(default=None)
    browser_id: str | None = Field(default=None, description="that alone named a cart or checkout")
    is_typed: bool = Field(default=False, description="a form alone ties a browser to its shopper")


class IdentityRow(TypedDict):
    """One row of `Identity`."""

    shop_id: int
    kind: KeyKind
    value: str
    profile_id: int
    source_profile_id: int | None
    linked_at: datetime
    claimed_at: datetime | None
    browser_id: str | None
    is_typed: bool


class SourceProfile(SQLModel, table=True):
    """One of the profiles that a merged profile was made of, with its own facts.

    A profile that was never merged has none. `own` is the profile's row as it would be alone
    (`plugin.profiles.fields.own`); `memberships` are the lists that another source profile of the
    same profile joined before it did, as [list id, joined at, source].
    """

    __tablename__ = "source_profile"

    __table_args__ = (Index("source_profile_profile", "shop_id", "profile_id"),)

    shop_id: int = shop_key()
    id: int = row_key()
    profile_id: int = big()
    own: OwnValues = json_column()
    memberships: list[list[Any]] = json_column(list)


class SourceProfileRow(TypedDict):
    """One row of `SourceProfile`."""

    shop_id: int
    id: int
    profile_id: int
    own: OwnValues
    memberships: list[list[Any]]


class Merge(SQLModel, table=True):
    """Two origins that turned out to be one person. Taking it back parts them again, and
    `blocks_remerge` then keeps keys from joining them anew, until a person does.
    """

    __table_args__ = (
        Index("merge_one", "shop_id", "source_profile_id"),
        Index("merge_other", "shop_id", "other_source_profile_id"),
    )

    shop_id: int = shop_key()
    id: int = row_key()
    source_profile_id: int = big()
    other_source_profile_id: int = big()
    reason: str = Field(description="the kind of identity that both had, or `merchant`")
    merged_at: datetime = moment()
    merged_by: str = Field(default="", description="the staff's user id, when a person did it")
    undone_at: datetime | None = moment(default=None)
    undone_by: str = ""
    blocks_remerge: bool = False


class MergeRow(TypedDict):
    """One row of `Merge`; the database gives it what is not required."""

    shop_id: int
    id: int
    source_profile_id: int
    other_source_profile_id: int
    reason: str
    merged_at: datetime
    merged_by: str
    undone_at: NotRequired[datetime | None]
    undone_by: NotRequired[str]
    blocks_remerge: NotRequired[bool]


def get_profile(session: Session, shop_id: int, profile_id: int) -> Profile | None:
    """One profile; a merged one leads to the profile that it became."""
    found = session.get(Profile, (shop_id, profile_id))
    if found is None and (origin := session.get(SourceProfile, (shop_id, profile_id))):
        found = session.get(Profile, (shop_id, origin.profile_id))
    return found


def find_identities(
    session: Session, shop_id: int, keys: Iterable[tuple[Kind, str]]
) -> dict[tuple[Kind, str], int]:
    """The profile that each known identity leads to."""
    return {key: ref[0] for key, ref in find_profile_refs(session, shop_id, keys).items()}


def find_profile_refs(
    session: Session, shop_id: int, keys: Iterable[tuple[Kind, str]]
) -> dict[tuple[Kind, str], tuple[int, int]]:
    """The (profile, origin) that each known identity leads to."""
    by_kind: dict[Kind, list[str]] = {}
    for kind, value in keys:
        by_kind.setdefault(kind, []).append(value)
    found: dict[tuple[Kind, str], tuple[int, int]] = {}
    table = db.table_of(Identity)
    for kind, values in by_kind.items():
        rows = session.connection().execute(
            columns(table.c.value, table.c.profile_id, table.c.source_profile_id).where(
                table.c.shop_id == shop_id,
                table.c.kind == kind,
                bulk.is_among(table.c.value, values),
            )
        )
        found |= {
            (kind, value): (held, source_profile_id or held)
            for value, held, source_profile_id in rows.all()
        }
    return found


def identities_of(session: Session, shop_id: int, profile_ids: Sequence[int]) -> Sequence[Any]:
    """Return these profiles' identities, as plain rows: frequent customers have a thousand."""
    table = db.table_of(Identity)
    found = session.connection().execute(
        table.select()
        .where(table.c.shop_id == shop_id, table.c.profile_id.in_(profile_ids))
        .order_by(table.c.kind, table.c.value)
    )
    return found.all()


def load_profiles(session: Session, shop_id: int, ids: Iterable[int]) -> dict[int, ProfileRow]:
    """Profiles as plain rows, by id: the pipeline's way, without ORM objects."""
    table = db.table_of(Profile)
    rows = session.connection().execute(
        table.select().where(table.c.shop_id == shop_id, bulk.is_among(table.c.id, set(ids)))
    )
    names = table.c.keys()
    at = names.index("id")
    found = {row[at]: dict(zip(names, row, strict=True)) for row in rows.all()}
    return cast("dict[int, ProfileRow]", found)


def profiles_by_id(session: Session, shop_id: int, ids: Iterable[int]) -> dict[int, Profile]:
    """Those of some profiles that there are, by id."""
    rows = session.exec(
        select(Profile).where(Profile.shop_id == shop_id, bulk.is_among(col(Profile.id), set(ids)))
    )
    return {profile.id: profile for profile in rows}


def mark_active(session: Session, shop_id: int, moments: Sequence[tuple[int, datetime]]) -> None:
    """Note when each of some profiles was seen last, by (profile id, moment)."""
    session.connection().execute(
        update(Profile)
        .where(col(Profile.shop_id) == shop_id, col(Profile.id) == bindparam("of"))
        .values(last_active_at=bindparam("at")),
        [{"of": profile_id, "at": at} for profile_id, at in moments],
    )


def profiles_after(session: Session, shop_id: int, after: int, limit: int) -> Sequence[Any]:
    """Some profiles with a greater id, in the order of their ids: rows of
    `anonymous_profiles`.
    """
    rows = session.connection().execute(
        columns(*anonymous_profiles())
        .where(col(Profile.shop_id) == shop_id, col(Profile.id) > after)
        .order_by(col(Profile.id))
        .limit(limit)
    )
    return rows.all()


def anonymous_profiles() -> list[Any]:
    """A profile's columns but for when and where from each field has its value, which are a fifth
    of the work of reading everybody (measured).
    """
    table = db.table_of(Profile)
    return [each for each in table.c if each.name not in ("field_times", "field_sources")]


def count_profiles(session: Session, shop_id: int, *, whole: bool = False) -> Count:
    """How many shoppers a shop knows; see `storage.counts`."""
    known = columns(col(Profile.id)).where(col(Profile.shop_id) == shop_id)
    return counts.count_rows(session, shop_id, counts.PROFILES, known, whole=whole)


def count_new(session: Session, shop_id: int, since: datetime, until: datetime) -> int:
    """How many shoppers became known between two moments."""
    return session.exec(
        select(func.count())
        .select_from(Profile)
        .where(Profile.shop_id == shop_id, Profile.created_at >= since, Profile.created_at < until)
    ).one()
