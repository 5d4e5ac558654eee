"""The plan that a shop pays the app's maker for, where the manifest names one."""

from datetime import datetime

from sqlalchemy import BigInteger, update
from sqlmodel import Field, Session, SQLModel, col

from storage.engine.types import moment


class Plan(SQLModel, table=True):
    """How a shop's plan stands, as the storefront last told us; no row as long as nobody asked."""

    shop_id: int = Field(primary_key=True, sa_type=BigInteger)
    active: bool = False
    checked_at: datetime | None = moment(default=None)
    confirmation_url: str = Field(default="", description="where the merchant approves it")
    asked_at: datetime | None = moment(default=None)


def get_plan(session: Session, shop_id: int) -> Plan | None:
    """A shop's plan."""
    return session.get(Plan, shop_id)


def save_plan(session: Session, plan: Plan) -> None:
    """Keep how a plan stands."""
    session.merge(plan)


def look_again(session: Session, shop_id: int) -> None:
    """The plan changed at the storefront: whoever wants to know asks there."""
    session.connection().execute(
        update(Plan).where(col(Plan.shop_id) == shop_id).values(checked_at=None, asked_at=None)
    )
