"""The lines of orders and of their parcels: what was sold, and what of it is left."""

from dataclasses import dataclass

from plugin.shopify.normalise.fields import (
    as_presented,
    id_of,
    in_shop_money,
    number_of,
    objects_of,
    text_of,
)
from storage.engine.types import JsonObject
from storage.orders import ReportedOrderLine

# What did not leave: Shopify Admin GraphQL 2026-10, FulfillmentStatus.
NOT_SENT = frozenset(("cancelled", "error", "failure"))


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line of an order: its row with what is left of it, and what was ordered at first."""

    row: ReportedOrderLine
    ordered: int
    variant_title: str
    details: JsonObject

    def described(self) -> JsonObject:
        """Return the line as an event tells it, in the way of a checkout's."""
        row = self.row
        return {
            "line_id": row["line_id"],
            "title": row["title"],
            "variant_title": self.variant_title,
            "quantity": row["quantity"],
            "price": row["price"],
            "product_id": row["product_id"],
            "variant_id": row["variant_id"],
        }


def sold_lines(payload: JsonObject, order_id: int, currency: str) -> list[SoldLine]:
    """The goods of an order; prices in minor units of the shop's money. A tip is no product.

    A line that was taken out stays, with a `current_quantity` of 0.
    """
    tip = in_shop_money(None, payload.get("total_tip_received") or 0, currency, "tip")
    found = []
    for place, line in enumerate(objects_of(payload, "line_items")):
        ordered = id_of(line, "quantity")
        price = in_shop_money(
            line.get("price_set"), line.get("price") or 0, currency, "line_items.price"
        )
        if _is_tip(line, price * ordered, tip):
            continue
        left = line.get("current_quantity")
        row: ReportedOrderLine = {
            "order_id": order_id,
            "line_id": id_of(line, "id") if line.get("id") is not None else place,
            "product_id": number_of(line, "product_id"),
            "variant_id": number_of(line, "variant_id"),
            "title": text_of(line, "title"),
            "quantity": ordered if left is None else id_of(line, "current_quantity"),
            "price": price,
        }
        details = {
            "sku": text_of(line, "sku"),
            "vendor": text_of(line, "vendor"),
            **({"current_quantity": row["quantity"]} if row["quantity"] != ordered else {}),
            **({"gift_card": True} if line.get("gift_card") is True else {}),
            **as_presented(line.get("price_set"), currency, ordered),
        }
        found.append(SoldLine(row, ordered, text_of(line, "variant_title"), details))
    return found


def _is_tip(line: JsonObject, worth: int, tip: int) -> bool:
    """Whether a line is the order's tip, which Shopify puts among its lines without a product."""
    if line.get("product_id") or line.get("variant_id") or line.get("requires_shipping") is True:
        return False
    return text_of(line, "title") == "Tip" or 0 < tip == worth


def is_shipped(fulfilment: JsonObject) -> bool:
    """Whether a fulfilment sends a parcel: none that failed, and no gift card or download."""
    if text_of(fulfilment, "status").lower() in NOT_SENT:
        return False
    lines = objects_of(fulfilment, "line_items")
    return not lines or any(
        line.get("gift_card") is not True and line.get("requires_shipping") is not False
        for line in lines
    )
