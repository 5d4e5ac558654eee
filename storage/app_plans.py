"""The plan that a shop pays the app's maker for, where the manifest names one."""

from datetime import datetime

from sqlalchemy import BigInteger, update
from sqlmodel import Field, Session, SQLModel, col

from storage.engine.types import moment


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


def mark_unchecked(session: Session, shop_id: int) -> None:
    """Mark the plan as changed at Shopify: the next reader checks it there."""
    session.connection().execute(
        update(AppPlan)
        .where(col(AppPlan.shop_id) == shop_id)
        .values(checked_at=None, offered_at=None)
    )
