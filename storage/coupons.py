"""Coupons: one discount of the storefront's, and the pool of its unique codes."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, delete, func, insert, text, update
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import bulk, db
from storage.engine.types import big, enum_column, moment, row_key, shop_key
from storage.shops import Shop

POOL_LOW, POOL_FULL = 100, 250  # codes; the storefront takes 250 in a call


class DiscountKind(StrEnum):
    """What a discount takes off."""

    PERCENTAGE = "percentage"
    AMOUNT = "amount"
    FREE_SHIPPING = "free_shipping"


class Coupon(SQLModel, table=True):
    """A discount. Its codes are made ahead, so that a message never waits for the storefront."""

    shop_id: int = shop_key()
    id: int = row_key()
    name: str
    prefix: str = Field(description="what its codes begin with")
    kind: DiscountKind = enum_column(DiscountKind, default=DiscountKind.PERCENTAGE)
    percent: int = 0
    amount: int = big(default=0)  # off, in minor units of the shop's currency
    first_code: str = Field(
        default="", description="drawn before the discount is made, to find it by"
    )
    discount_id: str = Field(default="", description="the storefront's id, once it exists there")
    created_at: datetime = moment()
    error: str = Field(default="", description="why the storefront refused it, for the merchant")
    retry_at: datetime | None = moment(default=None)
    deleted_at: datetime | None = moment(default=None)  # at the storefront, by the merchant


class CouponCode(SQLModel, table=True):
    """One code; `message_key` is the message it was given to, and the same message gets the same
    code.
    """

    __tablename__ = "coupon_code"
    __table_args__ = (
        Index("coupon_code_free", "shop_id", "coupon_id",
              postgresql_where=text("message_key IS NULL"),
              sqlite_where=text("message_key IS NULL")),
        Index("coupon_code_given", "shop_id", "message_key", unique=True),
        Index("coupon_code_redeemed", "shop_id", "redeemed_order_id",
              postgresql_where=text("redeemed_order_id IS NOT NULL"),
              sqlite_where=text("redeemed_order_id IS NOT NULL")),
    )  # fmt: skip

    shop_id: int = shop_key()
    code: str = Field(primary_key=True)
    coupon_id: int = big()
    message_key: str | None = None
    given_at: datetime | None = moment(default=None)
    redeemed_order_id: int | None = big(nullable=True, default=None)


def coupons_of(session: Session, shop_id: int) -> Sequence[Coupon]:
    """A shop's coupons, oldest first."""
    return session.exec(
        select(Coupon).where(Coupon.shop_id == shop_id).order_by(col(Coupon.created_at))
    ).all()


def get_coupon(session: Session, shop_id: int, coupon_id: int) -> Coupon | None:
    """One coupon."""
    return session.get(Coupon, (shop_id, coupon_id))


def change_coupon(session: Session, shop_id: int, coupon_id: int, **fields: Any) -> Coupon:
    """Set some of a coupon's fields."""
    coupon = session.get_one(Coupon, (shop_id, coupon_id), with_for_update=True)
    for name, value in fields.items():
        setattr(coupon, name, value)
    session.flush()
    return coupon


def coupons_to_refill(session: Session) -> list[tuple[int, int]]:
    """Coupons of all installed shops with few codes left; (shop id, coupon id)."""
    free = (
        select(func.count())
        .select_from(CouponCode)
        .where(
            CouponCode.shop_id == Coupon.shop_id,
            CouponCode.coupon_id == Coupon.id,
            col(CouponCode.message_key).is_(None),
            col(CouponCode.redeemed_order_id).is_(None),
        )
        .scalar_subquery()
    )
    query = (
        select(Coupon.shop_id, Coupon.id)
        .join(Shop, col(Shop.id) == col(Coupon.shop_id))
        .where(
            col(Shop.uninstalled_at).is_(None),
            col(Coupon.deleted_at).is_(None),
            free < POOL_LOW,
        )
    )
    rows = db.across_shops(session, query, "the clock fills the pools of codes")
    return [(row[0], row[1]) for row in rows]


def count_free(session: Session, shop_id: int, coupon_id: int) -> int:
    """How many codes are left to give."""
    return session.exec(
        select(func.count()).where(
            CouponCode.shop_id == shop_id,
            CouponCode.coupon_id == coupon_id,
            col(CouponCode.message_key).is_(None),
            col(CouponCode.redeemed_order_id).is_(None),
        )
    ).one()


def lock_discount(session: Session, shop_id: int, coupon_id: int, discount_id: str) -> bool:
    """Whether a coupon's discount is still this one; it stays so until the transaction ends."""
    coupon = session.get(Coupon, (shop_id, coupon_id), with_for_update=True, populate_existing=True)
    return coupon is not None and coupon.deleted_at is None and coupon.discount_id == discount_id


def add_codes(session: Session, shop_id: int, coupon_id: int, codes: Sequence[str]) -> None:
    """Put codes that the storefront knows into the pool, in capitals: it takes them in any case."""
    session.connection().execute(
        insert(CouponCode),
        [
            {"shop_id": shop_id, "coupon_id": coupon_id, "code": code}
            for code in dict.fromkeys(code.upper() for code in codes)
        ],
    )


def give_code(
    session: Session, shop_id: int, coupon_id: int, message_key: str, *, at: datetime
) -> str | None:
    """This message's code: the one it has, or a fresh one; None when the pool is empty."""
    held = session.exec(
        select(CouponCode.code).where(
            CouponCode.shop_id == shop_id, CouponCode.message_key == message_key
        )
    ).first()
    if held is not None:
        return held
    free = session.exec(
        select(CouponCode.code)
        .where(
            CouponCode.shop_id == shop_id,
            CouponCode.coupon_id == coupon_id,
            col(CouponCode.message_key).is_(None),
            col(CouponCode.redeemed_order_id).is_(None),  # used by a shopper who heard of it
        )
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if free is not None:
        session.connection().execute(
            update(CouponCode)
            .where(col(CouponCode.shop_id) == shop_id, col(CouponCode.code) == free)
            .values(message_key=message_key, given_at=at)
        )
    return free


def redeem_codes(session: Session, shop_id: int, used: Sequence[tuple[int, Sequence[str]]]) -> None:
    """Note which order each code of ours was used on: (order id, its codes)."""
    wanted = {spelling for _, codes in used for spelling in _spellings(codes)}
    if not wanted:
        return
    ours = set(
        session.exec(
            select(CouponCode.code).where(
                CouponCode.shop_id == shop_id, bulk.is_among(col(CouponCode.code), wanted)
            )
        )
    )
    for order_id, codes in used:
        if mine := ours.intersection(_spellings(codes)):
            session.connection().execute(
                update(CouponCode)
                .where(col(CouponCode.shop_id) == shop_id, col(CouponCode.code).in_(sorted(mine)))
                .values(redeemed_order_id=order_id)
            )


def redeemed_keys(session: Session, shop_id: int, order_ids: Collection[int]) -> dict[int, str]:
    """Return the key of the message that carried the code used on each of these orders."""
    rows = session.exec(
        select(CouponCode.redeemed_order_id, CouponCode.message_key)
        .where(
            CouponCode.shop_id == shop_id,
            col(CouponCode.redeemed_order_id).in_(sorted(order_ids)),
            col(CouponCode.message_key).is_not(None),
        )
        .order_by(col(CouponCode.given_at), col(CouponCode.code))
    )
    return {order: key for order, key in rows if order is not None and key is not None}


def delete_codes(session: Session, shop_id: int, codes: Sequence[str]) -> None:
    """Delete codes that the storefront no longer takes and that were never given."""
    if codes:
        session.connection().execute(
            delete(CouponCode).where(
                col(CouponCode.shop_id) == shop_id,
                col(CouponCode.code).in_(_spellings(codes)),
                col(CouponCode.message_key).is_(None),
            )
        )


def _spellings(codes: Sequence[str]) -> list[str]:
    """Return codes as they may be kept: ours are in capitals, and a shopper may type any case."""
    return sorted({each for code in codes for each in (code, code.strip().upper())})


def delete_discounts(
    session: Session, shop_id: int, discount_ids: Sequence[str], at: datetime
) -> None:
    """Record that discounts are gone at the storefront, with every code that was never given.

    They are not created again: the merchant who deleted one had a reason.
    """
    if not discount_ids:
        return
    gone = select(Coupon).where(
        Coupon.shop_id == shop_id, col(Coupon.discount_id).in_(discount_ids)
    )
    for coupon in session.exec(gone.order_by(col(Coupon.id)).with_for_update()):
        coupon.deleted_at, coupon.discount_id, coupon.first_code = at, "", ""
        _drop_free(session, shop_id, coupon.id)


def _drop_free(session: Session, shop_id: int, coupon_id: int) -> None:
    session.connection().execute(
        delete(CouponCode).where(
            col(CouponCode.shop_id) == shop_id,
            col(CouponCode.coupon_id) == coupon_id,
            col(CouponCode.message_key).is_(None),
        )
    )


def count_codes(session: Session, shop_id: int) -> dict[int, tuple[int, int, int]]:
    """How many codes of each coupon are free, were given, and were used on an order."""
    rows = session.exec(
        select(
            CouponCode.coupon_id,
            func.count().filter(
                col(CouponCode.message_key).is_(None), col(CouponCode.redeemed_order_id).is_(None)
            ),
            func.count().filter(col(CouponCode.message_key).is_not(None)),
            func.count().filter(col(CouponCode.redeemed_order_id).is_not(None)),
        )
        .where(CouponCode.shop_id == shop_id)
        .group_by(col(CouponCode.coupon_id))
    )
    return {coupon_id: (free, given, used) for coupon_id, free, given, used in rows}
