"""Lists: who joined, since when, and why."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Index, func, tuple_
from sqlmodel import Field, Session, SQLModel, col, select

from storage import db
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
        .returning(Membership.__table__.c.profile_id)  # type: ignore[attr-defined]
    )
    return row.first() is not None


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
