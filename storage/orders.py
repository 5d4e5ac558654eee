"""Orders, as the storefront last described each."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypedDict, cast

from sqlalchemy import BigInteger, Index, delete, func
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import bulk, db
from storage.engine.types import big, json_column, moment, origin, row_key, shop_key
from storage.engine.upsert import save_newest
from storage.shop_days import day_of


class Order(SQLModel, table=True):
    """One order. Money is in minor units of `currency`, the shop's own.

    `total` is what is left of it after edits, returns and refunds.
    """

    __tablename__ = "orders"  # `order` is a word of SQL
    __table_args__ = (
        Index("orders_profile", "shop_id", "profile_id", "placed_at"),
        Index("orders_placed", "shop_id", "placed_at", "cancelled_at", "total"),
    )

    shop_id: int = shop_key()
    id: int = row_key()  # the storefront's own id
    profile_id: int | None = big(nullable=True, default=None)  # None for a sale at the till
    source_profile_id: int | None = origin()
    number: str
    placed_at: datetime = moment()
    updated_at: datetime = moment()
    reported_at: datetime = moment()
    cancelled_at: datetime | None = moment(default=None)
    total: int = big()
    currency: str
    checkout_token: str | None = None
    cart_token: str | None = None
    discount_codes: list[str] = json_column(list)
    status_url: str = ""


class ReportedOrder(TypedDict):
    """An order as the storefront describes it: a row of `Order` without shop and profile."""

    id: int
    number: str
    placed_at: datetime
    updated_at: datetime
    reported_at: datetime
    cancelled_at: datetime | None
    total: int
    currency: str
    checkout_token: str | None
    cart_token: str | None
    discount_codes: list[str]
    status_url: str


class OrderRow(ReportedOrder):
    """One row of `Order`."""

    shop_id: int
    profile_id: int | None
    source_profile_id: int | None


class OrderLine(SQLModel, table=True):
    """One line of an order, by the storefront's own id: `quantity` is what is left of it."""

    __tablename__ = "order_line"

    shop_id: int = shop_key()
    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    line_id: int = Field(primary_key=True, sa_type=BigInteger)
    product_id: int | None = big(nullable=True, default=None)
    variant_id: int | None = big(nullable=True, default=None)
    title: str
    quantity: int
    price: int = big()


class ReportedOrderLine(TypedDict):
    """A line as the storefront describes it: a row of `OrderLine` that names no shop."""

    order_id: int
    line_id: int
    product_id: int | None
    variant_id: int | None
    title: str
    quantity: int
    price: int


class OrderLineRow(ReportedOrderLine):
    """One row of `OrderLine`."""

    shop_id: int


def save_orders(
    session: Session, orders: Sequence[OrderRow], lines: Sequence[OrderLineRow]
) -> set[int]:
    """Insert one shop's orders or bring them up to date, with their lines; the newest word wins.

    Returns the ids of those that were written.
    """
    taken = set(save_newest(session, Order, orders))
    if not taken:
        return taken
    session.connection().execute(
        delete(OrderLine).where(
            col(OrderLine.shop_id) == orders[0]["shop_id"],
            bulk.is_among(col(OrderLine.order_id), taken),
        )
    )
    bulk.add_rows(session, OrderLine, [line for line in lines if line["order_id"] in taken])
    return taken


def orders_by_id(session: Session, shop_id: int, ids: Sequence[int]) -> dict[int, Order]:
    """Several orders, by id."""
    # Orders are written past the session, which may hold an older state of one.
    rows = session.exec(
        select(Order).where(Order.shop_id == shop_id, col(Order.id).in_(sorted(set(ids)))),
        execution_options={"populate_existing": True},
    )
    return {row.id: row for row in rows}


def orders_of(session: Session, shop_id: int, profile_ids: Collection[int]) -> list[int]:
    """Return the ids of these shoppers' orders."""
    mine = (Order.shop_id == shop_id, col(Order.profile_id).in_(sorted(profile_ids)))
    return list(session.exec(select(Order.id).where(*mine)))


def lines_by_order(
    session: Session, shop_id: int, ids: Sequence[int]
) -> dict[int, list[OrderLineRow]]:
    """The lines of several orders as plain rows, by order."""
    table = db.table_of(OrderLine)
    found: dict[int, list[OrderLineRow]] = {}
    for row in session.connection().execute(
        table.select().where(table.c.shop_id == shop_id, table.c.order_id.in_(sorted(set(ids))))
    ):
        found.setdefault(row.order_id, []).append(cast("OrderLineRow", dict(row._mapping)))
    return found


def find_ownerless(session: Session, shop_id: int, ids: Collection[int]) -> set[int]:
    """Those of some orders that are known and have no buyer, as most of a till's."""
    if not ids:
        return set()
    rows = session.exec(
        select(Order.id).where(
            Order.shop_id == shop_id,
            col(Order.id).in_(sorted(ids)),
            col(Order.profile_id).is_(None),
        )
    )
    return set(rows)


def bought_by(session: Session, shop_id: int, profile_id: int) -> tuple[int, int]:
    """Number and total of one shopper's orders, without the cancelled ones."""
    count, total = session.exec(
        select(func.count(), func.coalesce(func.sum(Order.total), 0)).where(
            Order.shop_id == shop_id,
            Order.profile_id == profile_id,
            col(Order.cancelled_at).is_(None),
        )
    ).one()
    return count, int(total)


def order_totals(
    session: Session, shop_id: int, since: datetime, until: datetime
) -> tuple[int, int]:
    """Number and total of the orders placed between two moments, without the cancelled ones."""
    count, total = session.exec(
        select(func.count(), func.coalesce(func.sum(Order.total), 0)).where(
            Order.shop_id == shop_id,
            Order.placed_at >= since,
            Order.placed_at < until,
            col(Order.cancelled_at).is_(None),
        )
    ).one()
    return count, int(total)


def order_totals_by_day(
    session: Session, shop_id: int, edges: Sequence[datetime]
) -> dict[int, tuple[int, int]]:
    """Number and total of the orders of each day between edges, without the cancelled ones."""
    rows = session.exec(
        select(day_of(Order.placed_at, edges), func.count(), func.sum(Order.total))
        .where(
            Order.shop_id == shop_id,
            Order.placed_at >= edges[0],
            Order.placed_at < edges[-1],
            col(Order.cancelled_at).is_(None),
        )
        .group_by("day")
    )
    return {day: (count, int(total)) for day, count, total in rows}
