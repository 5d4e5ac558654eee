"""What went back of an order, in the shop's money.

A refund's transactions are in the currency that was paid in. What that is in the shop's own its
lines, shipping, duties and adjustments tell, which hold each amount in both.
"""

from collections.abc import Iterator, Sequence

from plugin.shopify.normalise.fields import object_of, objects_of, text_of
from plugin.values import to_minor_units
from storage.engine.types import JsonObject

# What gave nothing back: Shopify Admin GraphQL 2026-10, OrderTransactionStatus.
GAVE_NOTHING = frozenset(("failure", "error"))
SIDES = ("shop_money", "presentment_money")


def refunded(
    payload: JsonObject, given: Sequence[JsonObject], currency: str
) -> tuple[int, str, JsonObject]:
    """What went back as (value, currency, what the shopper saw), in the shop's money if we can."""
    back: dict[str, int] = {}
    for paid in given:
        if paid.get("status") not in GAVE_NOTHING:
            code = text_of(paid, "currency") or currency
            amount = to_minor_units(paid.get("amount") or 0, code, "transactions.amount")
            back[code] = back.get(code, 0) + amount
    paid_in = next((code for code in back if code != currency), currency)
    own, foreign = back.get(currency, 0), back.get(paid_in, 0)
    if paid_in == currency:
        return own, currency, {}
    shop, seen = _sums(payload, (currency, paid_in))
    if not shop or not seen:
        return (foreign, paid_in, {}) if not own else (own, currency, {})
    value = own + (2 * foreign * shop + seen) // (2 * seen)  # rounded
    return value, currency, {"presentment_value": foreign, "presentment_currency": paid_in}


def _sums(payload: JsonObject, codes: tuple[str, str]) -> tuple[int, int]:
    """The refund's parts in the shop's money and in the shopper's."""
    parts = list(_bags(payload, codes)) or list(_adjustments(payload, codes))
    return sum(shop for shop, _ in parts), sum(seen for _, seen in parts)


def _bags(payload: JsonObject, codes: tuple[str, str]) -> Iterator[tuple[int, int]]:
    for line in objects_of(payload, "refund_line_items"):
        yield from _both(line, "subtotal_set", codes)
        yield from _both(line, "total_tax_set", codes)
    for shipping in objects_of(payload, "refund_shipping_lines"):
        yield from _both(shipping, "subtotal_amount_set", codes)
    for duty in objects_of(payload, "duties"):
        yield from _both(duty, "amount_set", codes)


def _adjustments(payload: JsonObject, codes: tuple[str, str]) -> Iterator[tuple[int, int]]:
    """What a refund without lines says; with lines these say the same once more."""
    for each in objects_of(payload, "order_adjustments"):
        yield from _both(each, "amount_set", codes)
        yield from _both(each, "tax_amount_set", codes)


def _both(part: JsonObject, name: str, codes: tuple[str, str]) -> Iterator[tuple[int, int]]:
    bag = object_of(part, name)
    sides = [object_of(bag, side) for side in SIDES]
    if tuple(text_of(side, "currency_code") for side in sides) == codes:
        shop, seen = (
            abs(to_minor_units(side.get("amount") or 0, code, name))
            for side, code in zip(sides, codes, strict=True)
        )
        yield shop, seen
