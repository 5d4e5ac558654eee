"""Shoppers: one profile a person, the identities that lead to it, and the merges behind it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, and_, delete, func, or_, tuple_, update
from sqlmodel import Field, Session, SQLModel, col, select

from storage.types import big, json_column, moment, row_key, shop_key

EMAIL, PHONE, CUSTOMER = "email", "phone", "customer_id"
BROWSER, CART, CHECKOUT = "browser_id", "cart_token", "checkout_token"
PUSH = "push_token"  # a browser or phone that takes notifications
ORDER, SUBSCRIPTION = "order_id", "subscription_id"  # later news of them names nothing else
STRONG = (EMAIL, PHONE, CUSTOMER)  # these name a person; the others name a device or a visit


class Profile(SQLModel, table=True):
    """One shopper. `field_times` says when the storefront last spoke of each field: newest wins."""

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
    created_at: datetime = moment()
    seen_at: datetime = moment()


class Identity(SQLModel, table=True):
    """One thing that we know a shopper by, and the profile that it leads to."""

    __table_args__ = (Index("identity_profile", "shop_id", "profile_id"),)

    shop_id: int = shop_key()
    kind: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    profile_id: int = big()
    linked_at: datetime = moment()


class Merge(SQLModel, table=True):
    """Two profiles that turned out to be one person, and what of the second was moved."""

    shop_id: int = shop_key()
    id: int = row_key()
    kept_id: int = big()
    merged_id: int = big()
    because: str = Field(description="the identity that both had")
    merged_profile: dict[str, Any] = json_column()
    merged_identities: list[list[str]] = json_column(list)
    at: datetime = moment()


def get_profile(session: Session, shop_id: int, profile_id: int) -> Profile | None:
    """One profile; a merged one leads to the profile that it became."""
    found = session.get(Profile, (shop_id, profile_id))
    while found is None:
        became = session.exec(
            select(Merge.kept_id).where(Merge.shop_id == shop_id, Merge.merged_id == profile_id)
        ).first()
        if became is None:
            return None
        profile_id = became
        found = session.get(Profile, (shop_id, profile_id))
    return found


def find_identities(
    session: Session, shop_id: int, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """The profile that each known identity leads to."""
    by_kind: dict[str, list[str]] = {}
    for kind, value in keys:
        by_kind.setdefault(kind, []).append(value)
    found: dict[tuple[str, str], int] = {}
    for kind, values in by_kind.items():
        rows = session.exec(
            select(Identity.value, Identity.profile_id).where(
                Identity.shop_id == shop_id,
                Identity.kind == kind,
                col(Identity.value).in_(sorted(set(values))),
            )
        )
        found.update({(kind, value): profile_id for value, profile_id in rows})
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
    table = Profile.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
    rows = session.connection().execute(
        table.select().where(table.c.shop_id == shop_id, table.c.id.in_(sorted(set(ids))))
    )
    return {row.id: dict(row._mapping) for row in rows}


def absorb(session: Session, shop_id: int, gone_id: int, kept_id: int) -> None:
    """Let a merged profile's identities lead to the one that was kept, and drop its row."""
    session.connection().execute(
        update(Identity)
        .where(col(Identity.shop_id) == shop_id, col(Identity.profile_id) == gone_id)
        .values(profile_id=kept_id)
    )
    session.connection().execute(
        delete(Profile).where(col(Profile.shop_id) == shop_id, col(Profile.id) == gone_id)
    )


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


def count_profiles(session: Session, shop_id: int) -> int:
    """How many shoppers a shop knows."""
    return session.exec(
        select(func.count()).select_from(Profile).where(Profile.shop_id == shop_id)
    ).one()


def merges_of(session: Session, shop_id: int, profile_id: int) -> Sequence[Merge]:
    """The merges that made a profile, newest first."""
    return session.exec(
        select(Merge)
        .where(Merge.shop_id == shop_id, Merge.kept_id == profile_id)
        .order_by(col(Merge.at).desc())
    ).all()


def count_new(session: Session, shop_id: int, since: datetime, until: datetime) -> int:
    """How many shoppers became known between two moments."""
    return session.exec(
        select(func.count())
        .select_from(Profile)
        .where(Profile.shop_id == shop_id, Profile.created_at >= since, Profile.created_at < until)
    ).one()
