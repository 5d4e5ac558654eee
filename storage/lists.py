"""Lists: who joined, since when, and why."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, func
from sqlmodel import Field, Session, SQLModel, col, select

from storage import db
from storage.types import moment, row_key, shop_key


class List(SQLModel, table=True):
    """A list that shoppers join, such as the newsletter."""

    shop_id: int = shop_key()
    id: int = row_key()
    name: str
    created_at: datetime = moment()


class Membership(SQLModel, table=True):
    """One shopper on one list."""

    shop_id: int = shop_key()
    list_id: int = Field(primary_key=True, sa_type=BigInteger)
    profile_id: int = Field(primary_key=True, sa_type=BigInteger)
    joined_at: datetime = moment()
    source: str = ""


def join_list(
    session: Session, shop_id: int, list_id: int, profile_id: int, at: datetime, source: str
) -> bool:
    """Put a shopper on a list; whether she was not on it before."""
    row = session.connection().execute(
        db.insert(Membership)
        .values(
            shop_id=shop_id, list_id=list_id, profile_id=profile_id, joined_at=at, source=source
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
    return dict(rows)


def memberships_of(session: Session, shop_id: int, profile_id: int) -> Sequence[Membership]:
    """The lists that one shopper is on."""
    return session.exec(
        select(Membership).where(Membership.shop_id == shop_id, Membership.profile_id == profile_id)
    ).all()


def move_memberships(session: Session, shop_id: int, from_id: int, to_id: int) -> None:
    """Give one profile's memberships to another that may be on the same lists already."""
    for membership in memberships_of(session, shop_id, from_id):
        join_list(
            session, shop_id, membership.list_id, to_id, membership.joined_at, membership.source
        )
        session.delete(membership)
    session.flush()
