"""Subscription contracts that our own app made, as the storefront last described each."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import SQLModel

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
