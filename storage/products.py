"""The catalog: products and their variants, as the storefront last described them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict, cast

from sqlalchemy import BigInteger, Index, delete, func, insert, update
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import db
from storage.engine.types import big, json_column, moment, row_key, shop_key
from storage.engine.upsert import save_newest

DELETED = "deleted"  # a status of ours; the others are Shopify's


class Product(SQLModel, table=True):
    """One product; `price` is its cheapest variant's, in minor units of the shop's currency."""

    __table_args__ = (Index("product_handle", "shop_id", "handle"),)

    shop_id: int = shop_key()
    id: int = row_key()  # the storefront's own id
    title: str
    handle: str
    description: str = ""
    kind: str = Field(default="", description="Shopify's product type")
    tags: list[str] = json_column(list)
    image: str = ""
    price: int = big(default=0)
    status: str = "active"
    updated_at: datetime = moment()
    reported_at: datetime = moment()


class ReportedProduct(TypedDict):
    """A product as the storefront describes it: a row of `Product` that names no shop."""

    id: int
    title: str
    handle: str
    description: str
    kind: str
    tags: list[str]
    image: str
    price: int
    status: str
    updated_at: datetime
    reported_at: datetime


class ProductRow(ReportedProduct):
    """One row of `Product`."""

    shop_id: int


class Variant(SQLModel, table=True):
    """One variant of a product."""

    shop_id: int = shop_key()
    product_id: int = Field(primary_key=True, sa_type=BigInteger)
    id: int = row_key()
    title: str
    sku: str = ""
    price: int = big()
    compare_at_price: int | None = big(nullable=True, default=None)
    inventory_item_id: int | None = big(nullable=True, default=None)


class ReportedVariant(TypedDict):
    """A variant as the storefront describes it: a row of `Variant` that names no shop."""

    product_id: int
    id: int
    title: str
    sku: str
    price: int
    compare_at_price: int | None
    inventory_item_id: int | None


class VariantRow(ReportedVariant):
    """One row of `Variant`."""

    shop_id: int


ProductWithVariants = tuple[ReportedProduct, Sequence[ReportedVariant]]


def save_products(session: Session, shop_id: int, described: Sequence[ProductWithVariants]) -> None:
    """Insert products, each with its variants, or bring them up to date; the newest word wins.

    One product may be described several times in a batch.
    """
    in_order = sorted(described, key=lambda fact: (fact[0]["updated_at"], fact[0]["reported_at"]))
    newest = {product["id"]: (product, variants) for product, variants in in_order}
    rows: list[ProductRow] = [{"shop_id": shop_id, **product} for product, _ in newest.values()]
    taken = save_newest(session, Product, rows)
    if not taken:
        return
    session.connection().execute(
        delete(Variant).where(col(Variant.shop_id) == shop_id, col(Variant.product_id).in_(taken))
    )
    kept: list[VariantRow] = [
        {"shop_id": shop_id, **variant} for key in taken for variant in newest[key][1]
    ]
    if kept:
        session.connection().execute(insert(Variant), kept)


def retire_others(session: Session, shop_id: int, seen: set[int], before: datetime) -> int:
    """Retire products that a full read did not find and that have not changed since `before`;
    return how many. The webhook of a deletion may be lost, or come while the app is uninstalled.
    """
    rows = session.exec(
        select(Product.id).where(
            Product.shop_id == shop_id, Product.status != DELETED, Product.updated_at < before
        )
    )
    gone = sorted(set(rows) - seen)
    for start in range(0, len(gone), 500):
        session.connection().execute(
            update(Product)
            .where(col(Product.shop_id) == shop_id, col(Product.id).in_(gone[start : start + 500]))
            .values(status=DELETED)
        )
    return len(gone)


def active_products(session: Session, shop_id: int, limit: int = 250) -> Sequence[Product]:
    """Products that can be bought, in a lasting order."""
    return session.exec(
        select(Product)
        .where(Product.shop_id == shop_id, Product.status == "active")
        .order_by(col(Product.id))
        .limit(limit)
    ).all()


def top_product_types(session: Session, shop_id: int, limit: int) -> list[str]:
    """The product types that most of a shop's products on sale have, the most common first."""
    rows = session.exec(
        select(Product.kind, func.count())
        .where(Product.shop_id == shop_id, Product.status == "active", Product.kind != "")
        .group_by(col(Product.kind))
        .order_by(func.count().desc(), col(Product.kind))
    )
    products: Counter[str] = Counter()
    spelled: dict[str, str] = {}  # types that differ by case are one, in the commonest spelling
    for kind, count in rows:
        products[spelled.setdefault(kind.casefold(), kind)] += count
    return [kind for kind, _ in products.most_common(limit)]


def products_by_id(session: Session, shop_id: int, ids: Sequence[int]) -> dict[int, Product]:
    """Several products, by id."""
    rows = session.exec(
        select(Product).where(Product.shop_id == shop_id, col(Product.id).in_(sorted(set(ids))))
    )
    return {row.id: row for row in rows}


def variants_by_product(
    session: Session, shop_id: int, ids: Sequence[int]
) -> dict[int, list[VariantRow]]:
    """The variants of several products as plain rows, by product."""
    table = db.table_of(Variant)
    found: dict[int, list[VariantRow]] = {}
    for row in session.connection().execute(
        table.select().where(table.c.shop_id == shop_id, table.c.product_id.in_(sorted(set(ids))))
    ):
        found.setdefault(row.product_id, []).append(cast("VariantRow", dict(row._mapping)))
    return found
