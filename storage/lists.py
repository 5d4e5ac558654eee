"""Lists: who joined, since when, and why."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import BigInteger, ColumnElement, Index, delete, func, text, tuple_, update
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage import counts
from storage.counts import Count
from storage.engine import bulk, db
from storage.engine.types import moment, origin, row_key, shop_key
from storage.imports import SOURCE
from storage.profiles import Profile, anonymous_profiles
from storage.shops import Shop


class List(SQLModel, table=True):
    """A list that shoppers join, such as the newsletter.

    A deleted one keeps its members for a while, as it may be restored; nothing else finds it.
    """

    __table_args__ = (
        Index("list_deleted", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL"),
              sqlite_where=text("deleted_at IS NOT NULL")),
    )  # fmt: skip

    shop_id: int = shop_key()
    id: int = row_key()
    name: str
    created_at: datetime = moment()
    deleted_at: datetime | None = moment(default=None)


class Membership(SQLModel, table=True):
    """One shopper on one list."""

    __table_args__ = (
        Index("membership_joined", "shop_id", "list_id", "joined_at", "profile_id"),
        Index("membership_profile", "shop_id", "profile_id"),
    )

    shop_id: int = shop_key()
    list_id: int = Field(primary_key=True, sa_type=BigInteger)
    profile_id: int = Field(primary_key=True, sa_type=BigInteger)
    source_profile_id: int | None = origin()
    joined_at: datetime = moment()
    source: str = ""


class MembershipRow(TypedDict):
    """One row of `Membership`."""

    shop_id: int
    list_id: int
    profile_id: int
    source_profile_id: int | None
    joined_at: datetime
    source: str


def add_member(
    session: Session,
    shop_id: int,
    list_id: int,
    profile_id: int,
    *,
    at: datetime,
    source: str,
    source_profile_id: int | None = None,
) -> bool:
    """Add a shopper to a list; return whether they were not on it before."""
    row = session.connection().execute(
        db.insert(Membership)
        .values(
            shop_id=shop_id,
            list_id=list_id,
            profile_id=profile_id,
            source_profile_id=source_profile_id,
            joined_at=at,
            source=source,
        )
        .on_conflict_do_nothing()
        .returning(db.table_of(Membership).c.profile_id)
    )
    return row.first() is not None


def add_members(
    session: Session, shop_id: int, rows: Sequence[MembershipRow]
) -> set[tuple[int, int]]:
    """Put many on lists; (list id, profile id) of those who were not on theirs before.

    The caller holds the shop's lock.
    """
    fresh = {(row["list_id"], row["profile_id"]): row for row in reversed(rows)}
    for list_id in {list_id for list_id, _ in fresh}:
        wanted = [profile_id for of, profile_id in fresh if of == list_id]
        for profile_id in session.exec(
            select(Membership.profile_id).where(
                Membership.shop_id == shop_id,
                Membership.list_id == list_id,
                col(Membership.profile_id).in_(wanted),
            )
        ):
            del fresh[list_id, profile_id]
    bulk.add_rows(session, Membership, list(fresh.values()), unless_known=True)
    return set(fresh)


def restore_member(
    session: Session,
    shop_id: int,
    list_id: int,
    profile_id: int,
    *,
    at: datetime,
    source: str,
    source_profile_id: int | None,
) -> None:
    """Let a membership stand in the place of one of the same origin that a file made."""
    session.connection().execute(
        update(Membership)
        .where(
            col(Membership.shop_id) == shop_id,
            col(Membership.list_id) == list_id,
            col(Membership.profile_id) == profile_id,
            col(Membership.source_profile_id).is_not_distinct_from(source_profile_id),
            col(Membership.source).startswith(SOURCE),
        )
        .values(joined_at=at, source=source)
    )


def ids_after(
    session: Session, shop_id: int, list_id: int, after: int, *, limit: int
) -> Sequence[int]:
    """Some members of a list with a greater profile id, in the order of their ids."""
    return session.exec(
        select(Membership.profile_id)
        .where(
            Membership.shop_id == shop_id,
            Membership.list_id == list_id,
            Membership.profile_id > after,
        )
        .order_by(col(Membership.profile_id))
        .limit(limit)
    ).all()


def remove_between(
    session: Session, shop_id: int, list_id: int, source: str | None, *, first: int, last: int
) -> set[int]:
    """Of the members from one profile's id to another's, take those off a list who came to it by
    `source`, or all for None; who those were.
    """
    gone = delete(Membership).where(
        col(Membership.shop_id) == shop_id,
        col(Membership.list_id) == list_id,
        col(Membership.profile_id).between(first, last),
    )
    if source is not None:
        gone = gone.where(col(Membership.source) == source)
    return set(session.connection().execute(gone.returning(col(Membership.profile_id))).scalars())


def remove_member(session: Session, shop_id: int, list_id: int, profile_id: int) -> None:
    """Take one shopper off a list."""
    session.connection().execute(
        delete(Membership).where(
            col(Membership.shop_id) == shop_id,
            col(Membership.list_id) == list_id,
            col(Membership.profile_id) == profile_id,
        )
    )


def count_from(session: Session, shop_id: int, list_id: int, source: str) -> int:
    """How many came to a list by `source`."""
    return session.exec(
        select(func.count()).where(
            Membership.shop_id == shop_id,
            Membership.list_id == list_id,
            Membership.source == source,
        )
    ).one()


def add_list(session: Session, row: List) -> None:
    """Make a list."""
    session.add(row)
    session.flush()


def lists_of(session: Session, shop_id: int) -> Sequence[List]:
    """A shop's lists, oldest first."""
    return session.exec(
        select(List)
        .where(List.shop_id == shop_id, col(List.deleted_at).is_(None))
        .order_by(col(List.created_at), col(List.id))
    ).all()


def deleted_lists(session: Session, shop_id: int, since: datetime) -> Sequence[List]:
    """A shop's lists that were deleted since a moment, the last one first."""
    return session.exec(
        select(List)
        .where(List.shop_id == shop_id, col(List.deleted_at) > since)
        .order_by(col(List.deleted_at).desc(), col(List.id).desc())
    ).all()


def next_to_delete(session: Session, shop_id: int, until: datetime) -> List | None:
    """One of a shop's lists that was deleted so long ago."""
    return session.exec(
        select(List)
        .where(List.shop_id == shop_id, col(List.deleted_at) <= until)
        .order_by(col(List.deleted_at), col(List.id))
        .limit(1)
    ).first()


def shops_to_delete_in(session: Session, until: datetime) -> list[int]:
    """Installed shops with a list that was deleted so long ago."""
    query = (
        select(List.shop_id)
        .join(Shop, col(Shop.id) == col(List.shop_id))
        .where(col(Shop.uninstalled_at).is_(None), col(List.deleted_at) <= until)
        .distinct()
    )
    found = db.across_shops(session, query, "the clock enqueues jobs for lists to delete")
    return list(found.scalars())


def delete_list(session: Session, shop_id: int, list_id: int) -> None:
    """Delete the row of a list without members."""
    session.connection().execute(
        delete(List).where(col(List.shop_id) == shop_id, col(List.id) == list_id)
    )


def count_members(session: Session, shop_id: int, *, whole: bool = False) -> dict[int, Count]:
    """How many shoppers are on each list; see `storage.counts`."""
    kept = {} if whole else counts.stored_counts(session, shop_id, counts.MEMBERS)
    others = _count_each(session, shop_id, kept, None if whole else counts.MAX_EXACT_COUNT + 1)
    return kept | {each: counts.count_with_time(number, whole=whole) for each, number in others}


def count_joined(session: Session, shop_id: int, since: datetime) -> dict[int, Count]:
    """How many of those on each list joined it after a moment; of more than a few, that they are
    many.
    """
    new = col(Membership.joined_at) > since
    rows = _count_each(session, shop_id, (), counts.MAX_EXACT_COUNT + 1, new)
    return {each: counts.count_with_time(number) for each, number in rows}


def _count_each(
    session: Session,
    shop_id: int,
    without: Collection[int],
    limit: int | None,
    *those: ColumnElement[bool],
) -> Sequence[Any]:
    """(list id, how many of those are on it), for every list but some."""
    mine = col(List.shop_id) == shop_id
    theirs = (
        columns(col(Membership.profile_id))
        .where(col(Membership.shop_id) == shop_id, col(Membership.list_id) == List.id, mine, *those)
        .limit(limit)
        .correlate(List)
        .subquery()
    )
    number = columns(func.count()).select_from(theirs).scalar_subquery()
    others = columns(col(List.id), number).where(mine, col(List.id).not_in(without))
    return session.connection().execute(others).all()


def memberships_of(session: Session, shop_id: int, profile_id: int) -> Sequence[Membership]:
    """Return the memberships of a shopper, the latest first."""
    return session.exec(
        select(Membership)
        .join(
            List,
            (col(List.shop_id) == Membership.shop_id) & (col(List.id) == Membership.list_id),
        )
        .where(
            Membership.shop_id == shop_id,
            Membership.profile_id == profile_id,
            List.shop_id == shop_id,
            col(List.deleted_at).is_(None),
        )
        .order_by(col(Membership.joined_at).desc(), col(Membership.list_id))
    ).all()


def members_among(
    session: Session, shop_id: int, list_id: int, profile_ids: Iterable[int]
) -> dict[int, Membership]:
    """Those of some shoppers who are on a list, by profile id."""
    rows = session.exec(
        select(Membership).where(
            Membership.shop_id == shop_id,
            Membership.list_id == list_id,
            bulk.is_among(col(Membership.profile_id), set(profile_ids)),
        )
    )
    return {row.profile_id: row for row in rows}


def members_after(
    session: Session, shop_id: int, list_id: int, after: int, *, limit: int
) -> Sequence[Any]:
    """Some members of a list with a greater profile id, in the order of their ids: rows of
    `anonymous_profiles`.
    """
    rows = session.connection().execute(
        columns(*anonymous_profiles())
        .join(
            Membership,
            (col(Membership.shop_id) == col(Profile.shop_id))
            & (col(Membership.profile_id) == col(Profile.id)),
        )
        .where(
            col(Profile.shop_id) == shop_id,
            col(Membership.shop_id) == shop_id,
            col(Membership.list_id) == list_id,
            col(Membership.profile_id) > after,
        )
        .order_by(col(Membership.profile_id))
        .limit(limit)
    )
    return rows.all()


def get_list(session: Session, shop_id: int, list_id: int) -> List | None:
    """One list; None also when it was deleted."""
    found = session.get(List, (shop_id, list_id))
    return None if found is None or found.deleted_at is not None else found


def get_deleted(session: Session, shop_id: int, list_id: int, since: datetime) -> List | None:
    """One list that was deleted since a moment."""
    found = session.get(List, (shop_id, list_id))
    if found is None or found.deleted_at is None or found.deleted_at <= since:
        return None
    return found


def members_page(
    session: Session,
    shop_id: int,
    list_id: int,
    *,
    limit: int = 50,
    before: tuple[datetime, int] | None = None,
) -> Sequence[Membership]:
    """Who is on a list, last joined first, from before a (joined at, profile id) on."""
    query = select(Membership).where(Membership.shop_id == shop_id, Membership.list_id == list_id)
    if before is not None:
        query = query.where(tuple_(col(Membership.joined_at), col(Membership.profile_id)) < before)
    newest = (col(Membership.joined_at).desc(), col(Membership.profile_id).desc())
    return session.exec(query.order_by(*newest).limit(limit)).all()
