"""Stock: how many of each variant there are, and how many at each place."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import BigInteger, Case, and_, case, func, or_
from sqlalchemy import select as select_columns
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import db
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


class ReportedLevel(TypedDict):
    """A level as the storefront describes it: a row of `InventoryLevel` that names no shop."""

    item_id: int
    location_id: int
    available: int | None
    updated_at: datetime
    reported_at: datetime


def levels_of(
    session: Session, shop_id: int, item_ids: Sequence[int]
) -> dict[tuple[int, int], InventoryLevel]:
    """How many of several items lie where, by item and place."""
    rows = session.exec(
        select(InventoryLevel).where(
            InventoryLevel.shop_id == shop_id,
            col(InventoryLevel.item_id).in_(sorted(set(item_ids))),
        )
    )
    return {(row.item_id, row.location_id): row for row in rows}


def stocks(session: Session, shop_id: int, variant_ids: Sequence[int]) -> dict[int, Stock]:
    """How many there are of several variants, by variant."""
    rows = session.exec(
        select(Stock).where(
            Stock.shop_id == shop_id, col(Stock.variant_id).in_(sorted(set(variant_ids)))
        )
    )
    return {row.variant_id: row for row in rows}


def sellable_quantity(shop_id: int, variant: ReadOnlyColumnCollection[str, Any]) -> Case[Any]:
    """How many there are of the variant of an outer query, as the newest report says: the variant's
    own, or those of the places where its item lies. NULL where nothing is known.
    """
    stock, level = db.table_of(Stock).c, db.table_of(InventoryLevel).c
    of_variant = and_(
        stock.shop_id == shop_id,
        stock.shop_id == variant.shop_id,
        stock.variant_id == variant.id,
    )
    of_item = and_(
        level.shop_id == shop_id,
        level.shop_id == variant.shop_id,
        level.item_id == variant.inventory_item_id,
    )
    counted, counted_at, at_places, moved_at = (
        select_columns(value).where(whose).scalar_subquery()
        for value, whose in (
            (stock.available, of_variant),
            (stock.reported_at, of_variant),
            (func.coalesce(func.sum(level.available), 0), of_item),
            (func.max(level.reported_at), of_item),
        )
    )
    moved_since = and_(moved_at.is_not(None), or_(counted_at.is_(None), moved_at > counted_at))
    return case((moved_since, at_places), else_=counted)
