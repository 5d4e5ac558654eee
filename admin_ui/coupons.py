"""Coupons: what each takes off, how many of its codes are left, and what Shopify minds."""

import re
from decimal import Decimal, InvalidOperation

from starlette.responses import Response

from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import page
from plugin.errors import MalformedError
from plugin.offers import coupons
from plugin.texts import N_
from plugin.values import currency_decimals, to_minor_units
from storage import coupons as stored_coupons
from storage.coupons import Coupon, DiscountKind
from storage.engine import db

TITLE = N_("Coupons")
BLANK = {"name": "", "prefix": "", "kind": DiscountKind.PERCENTAGE, "worth": "10"}
AMOUNT = re.compile(r"\d{1,10}([.,]\d{1,4})?", re.ASCII)
LIMITS = {"name": coupons.MAX_NAME_CHARS, "prefix": 20, "worth": 12}


@page("/coupons", title=TITLE)
def show_all(visit: AdminRequest) -> Response:
    """Show every coupon, and the form for a new one."""
    return _page(visit, BLANK, {})


@page("/coupons", title=TITLE, method="POST")
def create(visit: AdminRequest) -> Response:
    """Create a coupon: `name`, `prefix`, `kind`, and `worth` in percent or the shop's currency."""
    sent = {name: visit.form.get(name, "").strip()[:100] for name in BLANK}
    sent["prefix"] = sent["prefix"].upper()
    worth = _worth(visit, sent)
    errors = _errors(visit, sent, worth)
    if errors or worth is None:
        return _page(visit, sent, errors, status=422)
    coupons.create_coupon(visit.shop.id, sent["name"], sent["prefix"], sent["kind"], worth=worth)
    return _page(
        visit, BLANK, {}, toast=visit.say.text("Coupon created. Codes are being generated.")
    )


@page("/coupons/{coupon_id}", title=TITLE, method="POST")
def make_again(visit: AdminRequest) -> Response:
    """Create its discount in Shopify once more."""
    coupons.recreate_discount(visit.shop.id, visit.number("coupon_id"))
    return _page(visit, BLANK, {}, toast=visit.say.text("Retrying"))


def _worth(visit: AdminRequest, sent: dict[str, str]) -> int | None:
    """Whole percent, or minor units; None for what is neither."""
    try:
        if sent["kind"] == DiscountKind.AMOUNT:
            return _amount(sent["worth"], visit.shop.currency)
        whole = Decimal(sent["worth"] or "0")
        return int(whole) if whole == whole.to_integral_value() else None
    except (InvalidOperation, MalformedError, ValueError, OverflowError):
        return None


def _amount(written: str, currency: str) -> int | None:
    """An amount as one writes it: digits, and decimals after a point or a comma, as many as the
    currency has at most. With a mark for thousands it could be read in two ways.
    """
    whole, _, decimals = written.replace(",", ".", 1).partition(".")
    if not AMOUNT.fullmatch(written) or len(decimals) > currency_decimals(currency):
        return None
    return to_minor_units(f"{whole}.{decimals or 0}", currency)


def _errors(visit: AdminRequest, sent: dict[str, str], worth: int | None) -> dict[str, str]:
    say, errors = visit.say, {}
    if not sent["name"]:
        errors["name"] = say.text("Enter a coupon name.")
    if not coupons.PREFIX.fullmatch(sent["prefix"]):
        errors["prefix"] = say.text("Use up to 20 letters and digits.")
    elif _is_taken(visit.shop.id, sent["prefix"]):
        errors["prefix"] = say.text("Another coupon uses this prefix. Choose one of its own.")
    if sent["kind"] == DiscountKind.PERCENTAGE and not (worth and 0 < worth <= 100):
        errors["worth"] = say.text("Enter a whole number from 1 to 100.")
    if sent["kind"] == DiscountKind.AMOUNT and not (worth and 0 < worth <= coupons.MAX_AMOUNT):
        errors["worth"] = say.text("Enter an amount, such as 5.00.")
    if sent["kind"] not in set(DiscountKind):
        errors["kind"] = say.text("Choose a discount type.")
    return errors


def _is_taken(shop_id: int, prefix: str) -> bool:
    with db.reading() as session:
        return coupons.is_taken(session, shop_id, prefix)


def _page(
    visit: AdminRequest,
    values: dict[str, str],
    errors: dict[str, str],
    *,
    toast: str = "",
    status: int = 200,
) -> Response:
    with db.reading() as session:
        found = stored_coupons.coupons_of(session, visit.shop.id)
        counts = stored_coupons.count_codes(session, visit.shop.id)
    return visit.page(
        "coupons/coupons.html",
        toast=toast,
        status=status,
        coupons=[(c, _takes_off(visit, c), counts.get(c.id, (0, 0, 0))) for c in found],
        values=values,
        errors=errors,
        limits=LIMITS,
    )


def _takes_off(visit: AdminRequest, coupon: Coupon) -> str:
    if coupon.kind == DiscountKind.FREE_SHIPPING:
        return visit.say.text("Free shipping")
    if coupon.kind == DiscountKind.AMOUNT:
        return visit.say.money(coupon.amount)
    return visit.say.percent(coupon.percent / 100)
