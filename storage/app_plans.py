"""The plan that a shop pays the app's maker for, where the manifest names one."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, or_, update
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import db
from storage.engine.types import moment
from storage.shops import Shop


class AppPlan(SQLModel, table=True):
    """The state of a shop's app plan as Shopify last reported it; no row until it was first
    checked.
    """

    __tablename__ = "app_plan"

    shop_id: int = Field(primary_key=True, sa_type=BigInteger)
    active: bool = False
    checked_at: datetime | None = moment(default=None)
    confirmation_url: str = Field(default="", description="where the merchant approves it")
    offered_at: datetime | None = moment(default=None)


def get_app_plan(session: Session, shop_id: int) -> AppPlan | None:
    """A shop's plan."""
    return session.get(AppPlan, shop_id)


def save_app_plan(session: Session, plan: AppPlan) -> None:
    """Keep how a plan stands."""
    session.merge(plan)


def unchecked(session: Session, since: datetime) -> Sequence[int]:
    """Return installed shops with a paid plan that was not checked since a time."""
    query = (
        select(AppPlan.shop_id)
        .join(Shop, col(Shop.id) == col(AppPlan.shop_id))
        .where(
            col(AppPlan.active).is_(True),
            or_(col(AppPlan.checked_at).is_(None), col(AppPlan.checked_at) <= since),
            col(Shop.uninstalled_at).is_(None),
        )
    )
    rows = db.across_shops(session, query, "the clock enqueues checks of plans")
    return [row[0] for row in rows]


def mark_unchecked(session: Session, shop_id: int) -> None:
    """Mark the plan as changed at Shopify: the next reader checks it there."""
    session.connection().execute(
        update(AppPlan)
        .where(col(AppPlan.shop_id) == shop_id)
        .values(checked_at=None, offered_at=None)
    )
