"""Markets: what products are called in another language, and cost in another country."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, TypedDict

from sqlalchemy import Index, and_, delete, func, or_, update
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col

from storage.engine import bulk, db
from storage.engine.types import big, json_column, moment, row_key, shop_key
from storage.shops import Shop

SOON = timedelta(minutes=5)  # after a product's change: several come at once


class MarketPart(StrEnum):
    """What is read of a market."""

    PRICES = "prices"  # in a country
    TITLES = "titles"  # in a language


class ProductTitle(SQLModel, table=True):
    """What a product is called in a language of the storefront's that is not its first."""

    __tablename__ = "product_title"

    shop_id: int = shop_key()
    locale: str = Field(primary_key=True)
    product_id: int = row_key()
    title: str
    read_at: datetime = moment()


class VariantPrice(SQLModel, table=True):
    """What a variant costs in a country, in the currency that a shopper there pays in."""

    __tablename__ = "variant_price"

    shop_id: int = shop_key()
    country: str = Field(primary_key=True, description="ISO 3166-1 alpha-2")
    product_id: int = row_key()
    variant_id: int = row_key()
    price: int = big()  # in minor units of the currency
    currency: str
    read_at: datetime = moment()


class MarketReading(SQLModel, table=True):
    """How far the prices and titles of a shop's markets are read."""

    __tablename__ = "market_reading"
    __table_args__ = (Index("market_reading_due", "due_at"),)

    shop_id: int = shop_key()
    generation: int = Field(description="the install that it is for")
    countries: list[str] = json_column(list)  # with prices of their own
    locales: list[str] = json_column(list)  # that the storefront speaks, its first one before all
    since: datetime | None = moment(default=None)  # read up to here; None: nothing yet
    until: datetime | None = moment(default=None)  # of the reading that goes on; None between two
    whole: bool = Field(default=False, description="whether it reads all, not what changed")
    whole_at: datetime | None = moment(default=None)  # when all was read last
    to_read: list[str] = json_column(list)  # `prices:DE`, `titles:de`: the first one now
    cursor: str = ""
    due_at: datetime = moment()
    attempts: int = 0
    error: str = Field(default="", description="for a person")


class ProductTitleRow(TypedDict):
    """One row of `ProductTitle`."""

    shop_id: int
    locale: str
    product_id: int
    title: str
    read_at: datetime


class VariantPriceRow(TypedDict):
    """One row of `VariantPrice`."""

    shop_id: int
    country: str
    product_id: int
    variant_id: int
    price: int
    currency: str
    read_at: datetime


class MarketPrice(NamedTuple):
    """An amount in minor units of a currency."""

    price: int
    currency: str


def due_shops(session: Session, now: datetime) -> list[int]:
    """Return installed shops with a known catalog, and markets to read."""
    query = (
        columns(col(Shop.id))
        .outerjoin(MarketReading, col(MarketReading.shop_id) == col(Shop.id))
        .where(
            col(Shop.uninstalled_at).is_(None),
            col(Shop.catalog_synced_at).is_not(None),
            or_(
                col(MarketReading.shop_id).is_(None),
                col(MarketReading.generation) != col(Shop.generation),
                col(MarketReading.due_at) <= now,
            ),
        )
    )
    return [row[0] for row in db.across_shops(session, query, "the clock has markets read")]


def reading_of(session: Session, shop_id: int) -> MarketReading | None:
    """How far a shop's markets are read; None where that has not begun."""
    return session.get(MarketReading, shop_id)


def begin_reading(session: Session, shop: Shop, now: datetime) -> MarketReading:
    """Return a shop's reading, begun anew for another install."""
    held = session.get(MarketReading, shop.id, with_for_update=True)
    if held is not None and held.generation != shop.generation:
        session.delete(held)
        session.flush()
        held = None
    if held is None:
        held = MarketReading(shop_id=shop.id, generation=shop.generation, due_at=now)
        session.add(held)
        session.flush()
    return held


def save_progress(session: Session, held: MarketReading, **changes: Any) -> None:
    """Move a reading on, unless the shop was installed anew meanwhile."""
    session.connection().execute(
        update(MarketReading)
        .where(
            col(MarketReading.shop_id) == held.shop_id,
            col(MarketReading.generation) == held.generation,
        )
        .values(changes)
    )


def make_due(session: Session, shop_id: int, now: datetime) -> None:
    """Have what changed read soon."""
    session.connection().execute(
        update(MarketReading)
        .where(col(MarketReading.shop_id) == shop_id, col(MarketReading.due_at) > now + SOON)
        .values(due_at=now + SOON)
    )


def save_titles(
    session: Session,
    shop_id: int,
    locale: str,
    rows: Sequence[ProductTitleRow],
    *,
    among: Collection[int],
) -> None:
    """Keep what products are called; those of `among` without a row have no title there any
    more.
    """
    gone = set(among) - {row["product_id"] for row in rows}
    if gone:
        session.connection().execute(
            delete(ProductTitle).where(
                col(ProductTitle.shop_id) == shop_id,
                col(ProductTitle.locale) == locale,
                bulk.is_among(col(ProductTitle.product_id), gone),
            )
        )
    bulk.upsert_rows(session, ProductTitle, rows)


def save_prices(session: Session, rows: Sequence[VariantPriceRow]) -> None:
    """Keep what variants cost."""
    bulk.upsert_rows(session, VariantPrice, rows)


def titles_in(
    session: Session, shop_id: int, locale: str, product_ids: Collection[int]
) -> dict[int, str]:
    """What products are called in a language, as far as it is known, by id."""
    rows = session.connection().execute(
        columns(col(ProductTitle.product_id), col(ProductTitle.title)).where(
            col(ProductTitle.shop_id) == shop_id,
            col(ProductTitle.locale) == locale,
            bulk.is_among(col(ProductTitle.product_id), product_ids),
        )
    )
    return {row.product_id: row.title for row in rows}


def prices_in(
    session: Session, shop_id: int, country: str, product_ids: Collection[int]
) -> dict[int, MarketPrice]:
    """What the cheapest variant of each product costs in a country, as far as it is known, by id.

    All prices of a country are in one currency, but for the moment in which it changes.
    """
    rows = session.connection().execute(
        columns(
            col(VariantPrice.product_id),
            col(VariantPrice.currency),
            func.min(col(VariantPrice.price)).label("price"),
            func.max(col(VariantPrice.read_at)).label("read_at"),
        )
        .where(
            col(VariantPrice.shop_id) == shop_id,
            col(VariantPrice.country) == country,
            col(VariantPrice.price) > 0,
            bulk.is_among(col(VariantPrice.product_id), product_ids),
        )
        .group_by(col(VariantPrice.product_id), col(VariantPrice.currency))
        .order_by(col(VariantPrice.product_id), func.max(col(VariantPrice.read_at)))
    )
    return {row.product_id: MarketPrice(row.price, row.currency) for row in rows}


def delete_others(
    session: Session, shop_id: int, countries: Collection[str], locales: Collection[str]
) -> None:
    """Delete the prices of all but these countries, and the titles of all but these languages."""
    session.connection().execute(
        delete(VariantPrice).where(
            col(VariantPrice.shop_id) == shop_id, col(VariantPrice.country).not_in(countries)
        )
    )
    session.connection().execute(
        delete(ProductTitle).where(
            col(ProductTitle.shop_id) == shop_id, col(ProductTitle.locale).not_in(locales)
        )
    )


def delete_unread(session: Session, shop_id: int, before: datetime) -> None:
    """Delete what a reading of everything did not find any more."""
    for table in (VariantPrice, ProductTitle):
        session.connection().execute(
            delete(table).where(and_(col(table.shop_id) == shop_id, col(table.read_at) < before))
        )
