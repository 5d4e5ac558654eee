"""Subscription contracts that our own app made, as the storefront last described each."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from sqlalchemy import Index
from sqlmodel import Session, SQLModel, col, select

from storage.engine.types import big, moment, origin, row_key, shop_key


class SubscriptionContract(SQLModel, table=True):
    """One contract. Shopify gives it no time of change; the moment of the telling stands in."""

    __tablename__ = "subscription_contract"

    __table_args__ = (Index("subscription_contract_profile", "shop_id", "profile_id"),)

    shop_id: int = shop_key()
    id: int = row_key()  # the storefront's own id
    profile_id: int | None = big(nullable=True, default=None)
    source_profile_id: int | None = origin()
    status: str = ""
    interval: str = ""
    interval_count: int = 1
    updated_at: datetime = moment()
    reported_at: datetime = moment()


class ReportedContract(TypedDict):
    """A contract as the storefront describes it: a row that names no shop and no profile."""

    id: int
    status: str
    interval: str
    interval_count: int
    updated_at: datetime
    reported_at: datetime


def contracts_by_id(
    session: Session, shop_id: int, ids: Sequence[int]
) -> dict[int, SubscriptionContract]:
    """Several contracts, by id."""
    rows = session.exec(
        select(SubscriptionContract).where(
            SubscriptionContract.shop_id == shop_id,
            col(SubscriptionContract.id).in_(sorted(set(ids))),
        )
    )
    return {row.id: row for row in rows}
