"""Shoppers: one profile a person, the identities that lead to it, and the merges behind it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, and_, func, or_, tuple_
from sqlmodel import Field, Session, SQLModel, col, select

from storage import bulk, db
from storage.types import big, json_column, moment, origin, row_key, shop_key

EMAIL, PHONE, CUSTOMER = "email", "phone", "customer_id"
EXTERNAL = "external_id"  # what the merchant's other systems call somebody
BROWSER, CART, CHECKOUT = "browser_id", "cart_token", "checkout_token"
PUSH = "push_token"  # a browser or phone that takes notifications
ORDER, SUBSCRIPTION = "order_id", "subscription_id"  # later news of them names nothing else
STRONG = (CUSTOMER, EXTERNAL, EMAIL, PHONE)  # these name a person; the others a device or a visit
STRENGTH = (*STRONG, ORDER, SUBSCRIPTION, CHECKOUT, CART, BROWSER)  # whom to believe first


class Profile(SQLModel, table=True):
    """One shopper. `field_times` and `field_sources` say when and where from each field has its
    value (`plugin.people.fields`): the newest word wins. A property's key is `properties.<name>`.
    """

    __table_args__ = (
        Index("profile_email", "shop_id", "email"),
        Index("profile_seen", "shop_id", "seen_at"),
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
    properties: dict[str, Any] = json_column()
    field_times: dict[str, str] = json_column()
    field_sources: dict[str, str] = json_column()
    created_at: datetime = moment()
    seen_at: datetime = moment()


class Identity(SQLModel, table=True):
    """One thing that we know a shopper by, and the profile that it leads to."""

    __table_args__ = (Index("identity_profile", "shop_id", "profile_id"),)

    shop_id: int = shop_key()
    kind: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    profile_id: int = big()
    origin_id: int | None = origin()
    linked_at: datetime = moment()


class Origin(SQLModel, table=True):
    """One of the profiles that a merged profile was made of, and what was said of it alone.

    A profile that was never merged has none. `own` is the profile's row as it would be alone
    (`plugin.people.fields.own`); `memberships` are the lists that another origin of the same
    profile joined before it did, as [list id, joined at, source].
    """

    __table_args__ = (Index("origin_profile", "shop_id", "profile_id"),)

    shop_id: int = shop_key()
    id: int = row_key()
    profile_id: int = big()
    own: dict[str, Any] = json_column()
    memberships: list[list[Any]] = json_column(list)


class Merge(SQLModel, table=True):
    """Two origins that turned out to be one person. Taking it back parts them again, and `apart`
    then keeps keys from joining them anew, until a person does.
    """

    __table_args__ = (
        Index("merge_one", "shop_id", "one_id"),
        Index("merge_other", "shop_id", "other_id"),
    )

    shop_id: int = shop_key()
    id: int = row_key()
    one_id: int = big()
    other_id: int = big()
    because: str = Field(description="the kind of identity that both had, or `merchant`")
    at: datetime = moment()
    by: str = Field(default="", description="the staff's user id, when a person did it")
    undone_at: datetime | None = moment(default=None)
    undone_by: str = ""
    apart: bool = False


def get_profile(session: Session, shop_id: int, profile_id: int) -> Profile | None:
    """One profile; a merged one leads to the profile that it became."""
    found = session.get(Profile, (shop_id, profile_id))
    if found is None and (origin := session.get(Origin, (shop_id, profile_id))):
        found = session.get(Profile, (shop_id, origin.profile_id))
    return found


def find_identities(
    session: Session, shop_id: int, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """The profile that each known identity leads to."""
    return {key: whose[0] for key, whose in find_whose(session, shop_id, keys).items()}


def find_whose(
    session: Session, shop_id: int, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], tuple[int, int]]:
    """The (profile, origin) that each known identity leads to."""
    by_kind: dict[str, list[str]] = {}
    for kind, value in keys:
        by_kind.setdefault(kind, []).append(value)
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for kind, values in by_kind.items():
        rows = session.exec(
            select(Identity.value, Identity.profile_id, Identity.origin_id).where(
                Identity.shop_id == shop_id,
                Identity.kind == kind,
                bulk.among(col(Identity.value), values),
            )
        )
        for value, profile_id, origin_id in rows:
            found[kind, value] = (profile_id, origin_id or profile_id)
    return found


def identities_of(session: Session, shop_id: int, profile_ids: Sequence[int]) -> Sequence[Identity]:
    """Everything that these profiles are known by."""
    return session.exec(
        select(Identity)
        .where(Identity.shop_id == shop_id, col(Identity.profile_id).in_(profile_ids))
        .order_by(col(Identity.kind), col(Identity.value))
    ).all()


def load_profiles(session: Session, shop_id: int, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Profiles as plain rows, by id: the pipeline's way, without ORM objects."""
    table = db.table_of(Profile)
    rows = session.connection().execute(
        table.select().where(table.c.shop_id == shop_id, bulk.among(table.c.id, set(ids)))
    )
    names = table.c.keys()
    return {row.id: dict(zip(names, row, strict=True)) for row in rows}


def search_profiles(
    session: Session,
    shop_id: int,
    words: str,
    *,
    limit: int = 50,
    before: tuple[datetime, int] | None = None,
) -> Sequence[Profile]:
    """Profiles whose email, phone or name begins with `words`, most recently seen first.

    Two words are a first and a last name, in either order. `before` is the (seen at, id) of the
    last profile of the page before.
    """
    query = select(Profile).where(Profile.shop_id == shop_id)
    if words.strip():
        query = query.where(_is_called(words.strip().lower().split()))
    if before is not None:
        query = query.where(tuple_(col(Profile.seen_at), col(Profile.id)) < before)
    newest = (col(Profile.seen_at).desc(), col(Profile.id).desc())
    return session.exec(query.order_by(*newest).limit(limit)).all()


def _is_called(words: Sequence[str]) -> Any:
    first, last = func.lower(Profile.first_name), func.lower(Profile.last_name)
    whole = (first, last, func.lower(Profile.email), col(Profile.phone))
    said = [_begins(c, "".join(words)) for c in whole]
    if len(words) > 1:
        pairs = ((first, last), (last, first))
        said += [and_(_begins(a, words[0]), _begins(b, words[-1])) for a, b in pairs]
    return or_(*said)


def _begins(column: Any, word: str) -> Any:
    return column.startswith(word, autoescape=True)


def profiles_after(session: Session, shop_id: int, after: int, limit: int) -> Sequence[Profile]:
    """Some profiles with a greater id, in the order of their ids."""
    return session.exec(
        select(Profile)
        .where(Profile.shop_id == shop_id, Profile.id > after)
        .order_by(col(Profile.id))
        .limit(limit)
    ).all()


def count_profiles(session: Session, shop_id: int) -> int:
    """How many shoppers a shop knows."""
    return session.exec(
        select(func.count()).select_from(Profile).where(Profile.shop_id == shop_id)
    ).one()


def count_new(session: Session, shop_id: int, since: datetime, until: datetime) -> int:
    """How many shoppers became known between two moments."""
    return session.exec(
        select(func.count())
        .select_from(Profile)
        .where(Profile.shop_id == shop_id, Profile.created_at >= since, Profile.created_at < until)
    ).one()
