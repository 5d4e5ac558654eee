"""Lists: who joined, since when, and why."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, delete, func, tuple_
from sqlmodel import Field, Session, SQLModel, col, select

from storage import bulk, db
from storage.profiles import Profile
from storage.types import moment, origin, row_key, shop_key


class List(SQLModel, table=True):
    """A list that shoppers join, such as the newsletter."""

    shop_id: int = shop_key()
    id: int = row_key()
    name: str
    created_at: datetime = moment()


class Membership(SQLModel, table=True):
    """One shopper on one list."""

    __table_args__ = (Index("membership_joined", "shop_id", "list_id", "joined_at"),)

    shop_id: int = shop_key()
    list_id: int = Field(primary_key=True, sa_type=BigInteger)
    profile_id: int = Field(primary_key=True, sa_type=BigInteger)
    origin_id: int | None = origin()
    joined_at: datetime = moment()
    source: str = ""


def join_list(
    session: Session,
    shop_id: int,
    list_id: int,
    profile_id: int,
    at: datetime,
    source: str,
    origin_id: int | None = None,
) -> bool:
    """Put a shopper on a list; whether she was not on it before."""
    row = session.connection().execute(
        db.insert(Membership)
        .values(
            shop_id=shop_id,
            list_id=list_id,
            profile_id=profile_id,
            origin_id=origin_id,
            joined_at=at,
            source=source,
        )
        .on_conflict_do_nothing()
        .returning(db.table_of(Membership).c.profile_id)
    )
    return row.first() is not None


def join(session: Session, shop_id: int, rows: Sequence[dict[str, Any]]) -> set[tuple[int, int]]:
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
    bulk.add(session, Membership, list(fresh.values()), unless_known=True)
    return set(fresh)


def leave_some(
    session: Session, shop_id: int, list_id: int, source: str, after: int, limit: int
) -> int | None:
    """Of the members after a profile's id, take those off a list who came to it by `source`; the
    id of the last one looked at, None when there was none.
    """
    ids = session.exec(
        select(Membership.profile_id)
        .where(
            Membership.shop_id == shop_id,
            Membership.list_id == list_id,
            Membership.profile_id > after,
        )
        .order_by(col(Membership.profile_id))
        .limit(limit)
    ).all()
    if not ids:
        return None
    session.connection().execute(
        delete(Membership).where(
            col(Membership.shop_id) == shop_id,
            col(Membership.list_id) == list_id,
            col(Membership.profile_id) > after,
            col(Membership.profile_id) <= ids[-1],
            col(Membership.source) == source,
        )
    )
    return ids[-1]


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
        select(List).where(List.shop_id == shop_id).order_by(col(List.created_at))
    ).all()


def count_members(session: Session, shop_id: int) -> dict[int, int]:
    """How many shoppers are on each list."""
    rows = session.exec(
        select(Membership.list_id, func.count())
        .where(Membership.shop_id == shop_id)
        .group_by(col(Membership.list_id))
    )
    return dict(rows.all())


def memberships_of(session: Session, shop_id: int, profile_id: int) -> Sequence[Membership]:
    """The lists that one shopper is on."""
    return session.exec(
        select(Membership).where(Membership.shop_id == shop_id, Membership.profile_id == profile_id)
    ).all()


def members_after(
    session: Session, shop_id: int, list_id: int, after: int, limit: int
) -> Sequence[Profile]:
    """Some members of a list with a greater profile id, in the order of their ids."""
    return session.exec(
        select(Profile)
        .join(
            Membership,
            (col(Membership.shop_id) == col(Profile.shop_id))
            & (col(Membership.profile_id) == col(Profile.id)),
        )
        .where(
            Profile.shop_id == shop_id,
            Membership.shop_id == shop_id,
            Membership.list_id == list_id,
            Membership.profile_id > after,
        )
        .order_by(col(Membership.profile_id))
        .limit(limit)
    ).all()


def get_list(session: Session, shop_id: int, list_id: int) -> List | None:
    """One list."""
    return session.get(List, (shop_id, list_id))


def members(
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
