"""The access log: which member of a shop's staff viewed which shopper's data, and when."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Index, delete, tuple_
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import db
from storage.engine.ids import new_id
from storage.engine.types import big, moment, row_key, shop_key


class AccessLog(SQLModel, table=True):
    """One page with shoppers' data that was opened or acted on."""

    __tablename__ = "access_log"
    __table_args__ = (
        Index("access_log_at", "shop_id", "at"),
        Index("access_log_profile", "shop_id", "profile_id"),
        Index("access_log_over", "at"),
    )

    shop_id: int = shop_key()
    id: int = row_key()
    at: datetime = moment()
    user_id: str = Field(description="of Shopify's staff account")
    action: str = Field(description="read or change")
    page: str = Field(description="the page's path without ids: audience/profiles")
    profile_id: int | None = big(nullable=True, default=None)


def add_entry(
    session: Session,
    shop_id: int,
    at: datetime,
    user_id: str,
    *,
    act: str,
    page: str,
    profile_id: int | None,
) -> None:
    """Record that a member of staff viewed or changed data."""
    session.add(
        AccessLog(
            shop_id=shop_id, id=new_id(), at=at, user_id=user_id, action=act, page=page,
            profile_id=profile_id,
        )
    )  # fmt: skip


def entries_page(
    session: Session, shop_id: int, limit: int, before: tuple[datetime, int] | None = None
) -> Sequence[AccessLog]:
    """What was looked at, last first, from before a (moment, id) on."""
    query = select(AccessLog).where(AccessLog.shop_id == shop_id)
    if before is not None:
        query = query.where(tuple_(col(AccessLog.at), col(AccessLog.id)) < before)
    newest = (col(AccessLog.at).desc(), col(AccessLog.id).desc())
    return session.exec(query.order_by(*newest).limit(limit)).all()


def delete_before(session: Session, before: datetime, limit: int) -> int:
    """Drop up to `limit` of what all shops looked at before a moment; how many."""
    old = (
        columns(col(AccessLog.shop_id), col(AccessLog.id))
        .where(col(AccessLog.at) < before)
        .limit(limit)
    )
    over = (
        delete(AccessLog)
        .where(tuple_(col(AccessLog.shop_id), col(AccessLog.id)).in_(old))
        .execution_options(synchronize_session=False)
    )
    found = db.across_shops(session, over, "the clock drops what was looked at long ago")
    return int(found.rowcount)
