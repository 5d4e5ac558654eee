"""Stock: how many of each variant there are, and how many at each place."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from sqlalchemy import BigInteger
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine.types import moment, shop_key


class Stock(SQLModel, table=True):
    """How many of a variant can be bought, over all places."""

    shop_id: int = shop_key()
    variant_id: int = Field(primary_key=True, sa_type=BigInteger)
    available: int | None = None
    updated_at: datetime = moment()
    reported_at: datetime = moment()


class ReportedStock(TypedDict):
    """A stock as the storefront describes it: a row of `Stock` that names no shop."""

    variant_id: int
    available: int | None
    updated_at: datetime
    reported_at: datetime


class StockRow(ReportedStock):
    """One row of `Stock`."""

    shop_id: int


class InventoryLevel(SQLModel, table=True):
    """How many of an inventory item lie at one place; None after it was disconnected from there."""

    __tablename__ = "inventory_level"

    shop_id: int = shop_key()
    item_id: int = Field(primary_key=True, sa_type=BigInteger)
    location_id: int = Field(primary_key=True, sa_type=BigInteger)
    available: int | None = None
    updated_at: datetime = moment()
    reported_at: datetime = moment()


def stocks(session: Session, shop_id: int, variant_ids: Sequence[int]) -> dict[int, Stock]:
    """How many there are of several variants, by variant."""
    rows = session.exec(
        select(Stock).where(
            Stock.shop_id == shop_id, col(Stock.variant_id).in_(sorted(set(variant_ids)))
        )
    )
    return {row.variant_id: row for row in rows}
