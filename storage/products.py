"""The catalog: products and their variants, as the storefront last described them."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypedDict, cast

from sqlalchemy import BigInteger, ColumnElement, Index, delete, exists, func, insert, or_, update
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import bulk, db
from storage.engine.types import big, enum_column, json_column, moment, row_key, shop_key
from storage.engine.upsert import save_newest
from storage.inventory import sellable_quantity

DELETED = "deleted"  # a status of ours; the others are Shopify's


class InventoryPolicy(StrEnum):
    """What a variant does when its stock is used up: Shopify's ProductVariantInventoryPolicy."""

    DENY = "deny"
    CONTINUE = "continue"


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
    # From when on the storefront shows it; None while it does not.
    published_at: datetime | None = moment(default=None)
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
    published_at: datetime | None
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
    inventory_policy: InventoryPolicy = enum_column(InventoryPolicy, default=InventoryPolicy.DENY)
    tracked: bool | None = Field(default=None, description="whether its stock is counted")


class ReportedVariant(TypedDict):
    """A variant as the storefront describes it: a row of `Variant` that names no shop."""

    product_id: int
    id: int
    title: str
    sku: str
    price: int
    compare_at_price: int | None
    inventory_item_id: int | None
    inventory_policy: InventoryPolicy
    tracked: bool | None  # None: this report does not say


class VariantRow(ReportedVariant):
    """One row of `Variant`."""

    shop_id: int


class ProductWithVariants(NamedTuple):
    """A product with the variants that are described, and the ids of its other ones."""

    product: ReportedProduct
    variants: Sequence[ReportedVariant]
    others: frozenset[int] = frozenset()


class ProductDetails(NamedTuple):
    """What mails show of an event's product."""

    handle: str
    kind: str
    image: str
    title: str
    price: int


class KnownProduct(NamedTuple):
    """A product that an event named, and whether it is deleted by now."""

    details: ProductDetails
    is_deleted: bool


def save_products(session: Session, shop_id: int, described: Sequence[ProductWithVariants]) -> None:
    """Insert products, each with its variants, or bring them up to date; the newest word wins.

    One product may be described several times in a batch.
    """
    in_order = sorted(
        described, key=lambda fact: (fact.product["updated_at"], fact.product["reported_at"])
    )
    newest = {fact.product["id"]: fact for fact in in_order}
    rows: list[ProductRow] = [{"shop_id": shop_id, **fact.product} for fact in newest.values()]
    taken = save_newest(session, Product, rows)
    if not taken:
        return
    known = variants_by_product(session, shop_id, taken)
    session.connection().execute(
        delete(Variant).where(col(Variant.shop_id) == shop_id, col(Variant.product_id).in_(taken))
    )
    kept: list[VariantRow] = []
    for key in taken:
        variants = _merge_variants(shop_id, newest[key], known.get(key, ()))
        kept += variants
        if newest[key].others and variants:  # a cheaper one may be among them
            session.connection().execute(
                update(Product)
                .where(col(Product.shop_id) == shop_id, col(Product.id) == key)
                .values(price=min(variant["price"] for variant in variants))
            )
    if kept:
        session.connection().execute(insert(Variant), kept)


def _merge_variants(
    shop_id: int, fact: ProductWithVariants, known: Sequence[VariantRow]
) -> list[VariantRow]:
    """The variants that a product has now: those described, and of the known ones the others."""
    tracked = {variant["id"]: variant["tracked"] for variant in known}
    merged: list[VariantRow] = []
    for variant in fact.variants:
        row: VariantRow = {"shop_id": shop_id, **variant}
        if row["tracked"] is None:
            row["tracked"] = tracked.get(row["id"])
        merged.append(row)
    described = {variant["id"] for variant in fact.variants}
    return merged + [row for row in known if row["id"] in fact.others - described]


def fill_tracked(session: Session, shop_id: int, reported: Sequence[ReportedVariant]) -> None:
    """Keep whether stock is counted, of known variants of which it is not known yet."""
    product_ids = sorted({variant["product_id"] for variant in reported})
    for tracked in (True, False):
        ids = sorted(variant["id"] for variant in reported if variant["tracked"] is tracked)
        for start in range(0, len(ids), 500):
            session.connection().execute(
                update(Variant)
                .where(
                    col(Variant.shop_id) == shop_id,
                    col(Variant.product_id).in_(product_ids),
                    col(Variant.id).in_(ids[start : start + 500]),
                    col(Variant.tracked).is_(None),
                )
                .values(tracked=tracked)
            )


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


def products_to_recommend(
    session: Session, shop_id: int, now: datetime, limit: int = 250
) -> Sequence[Product]:
    """Products that the storefront shows and sells, in a lasting order."""
    has_variants = exists().where(
        col(Variant.shop_id) == shop_id,
        col(Variant.shop_id) == col(Product.shop_id),
        col(Variant.product_id) == col(Product.id),
    )
    return session.exec(
        select(Product)
        .where(
            Product.shop_id == shop_id,
            Product.status == "active",
            col(Product.published_at) <= now,
            or_(
                has_variants.where(col(Variant.price) > 0, _can_be_bought(shop_id)),
                (col(Product.price) > 0) & ~has_variants,
            ),
        )
        .order_by(col(Product.id))
        .limit(limit)
    ).all()


def _can_be_bought(shop_id: int) -> ColumnElement[bool]:
    """Whether a variant is in stock, or needs not be. Of an unknown stock it is assumed."""
    quantity = sellable_quantity(shop_id, db.table_of(Variant).c)
    return or_(
        col(Variant.tracked).is_not(True),
        col(Variant.inventory_policy) == InventoryPolicy.CONTINUE,
        func.coalesce(quantity, 1) > 0,
    )


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


def details_of(session: Session, shop_id: int, ids: Collection[int]) -> dict[int, ProductDetails]:
    """What events tell of products, by id; a deleted one has none left."""
    if not ids:
        return {}
    rows = session.connection().execute(
        columns(
            col(Product.id), *(col(getattr(Product, name)) for name in ProductDetails._fields)
        ).where(
            col(Product.shop_id) == shop_id,
            col(Product.status) != DELETED,
            bulk.is_among(col(Product.id), ids),
        )
    )
    return {row[0]: ProductDetails(*row[1:]) for row in rows}


def known_products(session: Session, shop_id: int, ids: Collection[int]) -> dict[int, KnownProduct]:
    """Several products, by id, with those that are deleted."""
    if not ids:
        return {}
    details = [col(getattr(Product, name)) for name in ProductDetails._fields]
    rows = session.connection().execute(
        columns(col(Product.id), col(Product.status), *details).where(
            col(Product.shop_id) == shop_id, bulk.is_among(col(Product.id), ids)
        )
    )
    return {row[0]: KnownProduct(ProductDetails(*row[2:]), row[1] == DELETED) for row in rows}


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
