"""Fill the pools of coupons with fresh codes that Shopify accepts."""

import re
import secrets
import time
from datetime import timedelta
from typing import Any

import structlog
from sqlmodel import Session

from plugin import clock, jobs
from plugin.errors import RegularsError
from plugin.messages.outcome import COUPON_WAIT
from plugin.shopify.api.client import ShopifyError, query
from plugin.values import to_decimal
from storage import coupons, message_claims, shops
from storage.coupons import POOL_FULL, Coupon, DiscountKind
from storage.engine import db, locks
from storage.engine.ids import new_id
from storage.messages import SkipReason

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # without 0 O, 1 I L, U: codes are typed from a phone
CODE_CHARS = 13  # 63 bits: a discount cannot be guessed
MAX_NAME_CHARS = 100
PREFIX = re.compile(r"[A-Z0-9]{0,20}")
MAX_AMOUNT = 10**9  # minor units; a slip of the keyboard, not a discount
CODES_BATCH_SIZE = 250  # a call: shopify.dev, discountRedeemCodeBulkAdd
# The clock enqueues a low pool every few seconds; what Shopify refused once, it refuses again.
REFUSED_FOR, BUSY_FOR = timedelta(minutes=5), timedelta(seconds=30)
BASIC = ("discount_create", "discountCodeBasicCreate")
SHIPPING = ("shipping_discount_create", "discountCodeFreeShippingCreate")
LOOKS, FIRST_LOOK_S, LONGEST_LOOK_S = 30, 0.1, 2.0  # at a bulk that is under way

log = structlog.get_logger()


def create_coupon(shop_id: int, name: str, prefix: str, kind: str, *, worth: int = 0) -> int:
    """Add a coupon and return its id; its codes are generated afterwards.

    Args:
        worth: whole percent, or minor units of the shop's currency; nothing for free shipping.

    Raises:
        RegularsError: 422, with the invalid field.
    """
    if not name.strip() or len(name) > MAX_NAME_CHARS:
        raise RegularsError("Enter a coupon name.", 422)
    if not PREFIX.fullmatch(prefix):
        raise RegularsError("Use up to 20 letters and digits for the code prefix.", 422)
    if kind not in set(DiscountKind):
        raise RegularsError("Unknown discount type.", 422)
    if kind != DiscountKind.FREE_SHIPPING and not 0 < worth <= (
        100 if kind == DiscountKind.PERCENTAGE else MAX_AMOUNT
    ):
        raise RegularsError("Enter a discount value above zero.", 422)
    coupon = Coupon(
        shop_id=shop_id,
        id=new_id(),
        name=name.strip(),
        prefix=prefix,
        kind=DiscountKind(kind),
        percent=worth if kind == DiscountKind.PERCENTAGE else 0,
        amount=worth if kind == DiscountKind.AMOUNT else 0,
        created_at=clock.now(),
    )
    with db.transaction() as session:
        db.lock_shop(session, shop_id)
        if is_taken(session, shop_id, prefix):
            raise RegularsError("Another coupon uses this prefix. Choose one of its own.", 422)
        session.add(coupon)
    jobs.enqueue("refill", shop_id, [coupon.id])
    return coupon.id


def is_taken(session: Session, shop_id: int, prefix: str) -> bool:
    """Whether a coupon's codes begin so already: a code must show what it is of."""
    return bool(prefix) and any(
        held.prefix == prefix for held in coupons.coupons_of(session, shop_id)
    )


def recreate_discount(shop_id: int, coupon_id: int) -> None:
    """Make a discount anew that the merchant deleted at Shopify, or try at once what it refused.

    Raises:
        RegularsError: there is no such coupon (404).
    """
    with db.transaction() as session:
        if coupons.get_coupon(session, shop_id, coupon_id) is None:
            raise RegularsError("Coupon not found.", 404)
        fresh = {"deleted_at": None, "error": "", "retry_at": None}
        coupons.change_coupon(session, shop_id, coupon_id, **fresh)
    jobs.enqueue("refill", shop_id, [coupon_id])


def refill_codes(shop_id: int, coupon_id: int) -> None:
    """Fill a coupon's pool, after creating its discount if that is still to be done.

    Safe to run twice and at once: a second caller leaves it to the first. A refusal of Shopify's is
    kept at the coupon for the merchant, and tried again after five minutes.
    """
    try:
        with locks.exclusive(f"coupon-{shop_id}-{coupon_id}", wait_s=0):
            _refill(shop_id, coupon_id)
    except locks.LockTimeoutError:
        return
    _wake(shop_id, coupon_id)


def _wake(shop_id: int, coupon_id: int) -> None:
    """Send the messages that waited for these codes.

    Call it once the lock is free: a waiting sender enqueues after it wrote that it waits, and
    either finds the lock free and gets here itself, or wrote before we look.
    """
    with db.transaction() as session:
        if not coupons.count_free(session, shop_id, coupon_id):
            return
        woken = message_claims.make_due(
            session, shop_id, SkipReason.WAITS_FOR_COUPON, clock.now(), wait=COUPON_WAIT
        )
    jobs.enqueue_for_rows("send", [(shop_id, message_id) for message_id in woken])


def _refill(shop_id: int, coupon_id: int) -> None:
    with db.reading() as session:
        coupon = coupons.get_coupon(session, shop_id, coupon_id)
        free = coupons.count_free(session, shop_id, coupon_id)
    if coupon is None or free >= POOL_FULL or _is_waiting(coupon) or coupon.deleted_at:
        return
    try:
        if not coupon.discount_id:
            coupon = _make(coupon)
            free += 1
        _add_codes(coupon, POOL_FULL - free)
    except RegularsError as error:
        log.warning("coupon.refused", shop=shop_id, coupon=coupon_id, status=error.status)
        later = clock.now() + (BUSY_FOR if error.status == 503 else REFUSED_FOR)
        _keep(coupon, error=error.message, retry_at=later)
    else:
        if coupon.error:
            _keep(coupon, error="", retry_at=None)


def new_code(prefix: str) -> str:
    """Return a code that cannot be guessed: WELCOME-7KQ2M9XW4ZB3F."""
    tail = "".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARS))
    return f"{prefix.rstrip('-')}-{tail}" if prefix else tail


def _is_waiting(coupon: Coupon) -> bool:
    return coupon.retry_at is not None and coupon.retry_at > clock.now()


def _make(coupon: Coupon) -> Coupon:
    """Make the discount, once: its first code is kept beforehand, and Shopify takes no code twice.

    So when an answer was lost or we fell over, the code leads to the discount that there is.
    """
    code, lost = coupon.first_code, bool(coupon.first_code)
    if not code:
        code = new_code(coupon.prefix)
        coupon = _keep(coupon, first_code=code)
    found = _discount_with(coupon, code) if lost else None
    discount_id = found or _create(coupon, code)
    with db.transaction() as session:
        coupons.add_codes(session, coupon.shop_id, coupon.id, [code])
        return coupons.change_coupon(session, coupon.shop_id, coupon.id, discount_id=discount_id)


def _create(coupon: Coupon, code: str) -> str:
    document, field = SHIPPING if coupon.kind == DiscountKind.FREE_SHIPPING else BASIC
    try:
        made = query(coupon.shop_id, document, {"discount": _discount(coupon, code)})
    except ShopifyError as error:
        found = _discount_with(coupon, code) if error.has("TAKEN") else None
        if found is None:
            raise
        return found
    return str(made[field]["codeDiscountNode"]["id"])


def _discount(coupon: Coupon, code: str) -> dict[str, object]:
    return {
        "title": coupon.name,
        "code": code,
        "startsAt": clock.now().isoformat(),
        "context": {"all": "ALL"},
        # Both count for each code, not for the discount:
        # community.shopify.dev, "Scope of usageLimit for Discounts with Multiple Codes"
        "usageLimit": 1,
        "appliesOncePerCustomer": True,
        **_takes_off(coupon),
    }


def _takes_off(coupon: Coupon) -> dict[str, object]:
    if coupon.kind == DiscountKind.FREE_SHIPPING:
        return {"destination": {"all": True}}
    value: dict[str, object] = {"percentage": coupon.percent / 100}
    if coupon.kind == DiscountKind.AMOUNT:
        # Off the whole order once, not off each of its lines.
        value = {"discountAmount": {"amount": _decimal(coupon), "appliesOnEachItem": False}}
    return {"customerGets": {"items": {"all": True}, "value": value}}


def _decimal(coupon: Coupon) -> str:
    """An amount as Shopify writes it: whole units of the shop's currency."""
    with db.reading() as session:
        shop = shops.get_shop(session, coupon.shop_id)
    return to_decimal(coupon.amount, shop.currency if shop else "USD")


def _discount_with(coupon: Coupon, code: str) -> str | None:
    found = query(coupon.shop_id, "discount_by_code", {"code": code})["codeDiscountNodeByCode"]
    return None if found is None else str(found["id"])


def _add_codes(coupon: Coupon, wanted: int) -> None:
    while wanted > 0:
        codes = [new_code(coupon.prefix) for _ in range(min(wanted, CODES_BATCH_SIZE))]
        added = query(
            coupon.shop_id,
            "codes_add",
            {"discountId": coupon.discount_id, "codes": [{"code": code} for code in codes]},
        )
        taken = _taken(coupon.shop_id, added["discountRedeemCodeBulkAdd"]["bulkCreation"]["id"])
        if not taken:
            raise ShopifyError("Shopify took none of the codes.")
        with db.transaction() as session:
            if not coupons.lock_discount(session, coupon.shop_id, coupon.id, coupon.discount_id):
                return  # the merchant deleted it meanwhile, and these codes with it
            coupons.add_codes(session, coupon.shop_id, coupon.id, taken)
        wanted -= len(codes)


def _taken(shop_id: int, bulk_id: str) -> list[str]:
    """The codes of a bulk that Shopify took, once it is done with all of them.

    Raises:
        ShopifyError: it was not done in a minute.
    """
    wait_s = FIRST_LOOK_S
    for _ in range(LOOKS):
        found = query(shop_id, "codes_added", {"id": bulk_id})["discountRedeemCodeBulkCreation"]
        if found is not None and found["done"]:
            return [each["code"] for each in found["codes"]["nodes"] if not each["errors"]]
        time.sleep(wait_s)
        wait_s = min(LONGEST_LOOK_S, wait_s * 2)
    raise ShopifyError("Shopify is still busy with the codes.", 503)


def _keep(coupon: Coupon, **fields: Any) -> Coupon:
    with db.transaction() as session:
        return coupons.change_coupon(session, coupon.shop_id, coupon.id, **fields)
