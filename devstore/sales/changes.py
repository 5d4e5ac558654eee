"""Orders after they were paid: staff edit them, send them in parcels and give money back."""

from collections.abc import Mapping, Sequence

from devstore.sales import amounts, payloads
from devstore.shop import order_payloads
from devstore.shop.database import Document
from devstore.shop.orders import Orders
from devstore.shop.products import ShopError

REFUSED = ShopError("This order cannot be changed so.", 422)


class ChangedOrders(Orders):
    """What becomes of what was bought."""

    def edit_order(self, order_id: int, variant_id: int, more: int) -> Document:
        """Put more of a line into an order, or less, or something new: the app hears what changed,
        and the whole. What is taken out stays among the lines with a current quantity.
        """
        with self.transaction():
            order = self._known_order(order_id)
            place = _place(order, variant_id)
            if order["cancelled_at"] or not more or (place is None and more < 0):
                raise REFUSED
            if place is None:
                place = len(order["lines"])
                order["lines"].append(self.line(variant_id, 0) | {"added": 0})
            line = order["lines"][place]
            if more > 0:
                line |= {"quantity": line["quantity"] + more, "added": line.get("added", 0) + more}
            elif amounts.left(order, line) + more < 0:
                raise REFUSED
            else:
                line["removed"] = line.get("removed", 0) - more
            order = self._keep_order(order)
            self.emit("orders/edited", order_payloads.edit(self, order, place, more))
            self._tell_order("orders/updated", order)
            self._tell_purchases(order)
            self.move_stock([{**line, "quantity": abs(more)}], -1 if more > 0 else 1)
            return order

    def refund_order(
        self,
        order_id: int,
        goods: Mapping[int, int] | None = None,
        *,
        shipping: bool = False,
        status: str = "success",
        return_id: int | None = None,
    ) -> Document:
        """Give money back: for goods by variant (all that are left, when none are named) and for
        the shipping. Many gateways say `pending` first, and `failure` gives nothing back.
        """
        with self.transaction():
            order = self._known_order(order_id)
            wanted = goods_of(order, {} if goods is None and shipping else goods)
            lines = [
                {
                    "place": place,
                    "quantity": count,
                    "cents": amounts.line_total(order["lines"][place], count),
                }
                for place, count in wanted
            ]
            freight = amounts.current_shipping(order) if shipping or goods is None else 0
            row: Document = {
                "id": self.next_id("refund") * 100,
                "created_at": self.now().isoformat(),
                "lines": lines,
                "shipping": freight,
                "cents": freight + sum(each["cents"] for each in lines),
                "status": status,
                "return_id": return_id,
            }
            if status != "failure":
                for place, count in wanted:
                    line = order["lines"][place]
                    line["refunded"] = line.get("refunded", 0) + count
                order["refunded_shipping"] = order.get("refunded_shipping", 0) + freight
                order["refunds"] = [*order.get("refunds", ()), row]
                whole = not amounts.current_total(order)
                order["financial_status"] = "refunded" if whole else "partially_refunded"
            order = self._keep_order(order)
            self.emit("order_transactions/create", payloads.transaction(self, order, row))
            self.emit("refunds/create", payloads.refund(self, order, row))
            self._tell_order("orders/updated", order)
            self._tell_purchases(order)
            return order

    def fulfil_order(
        self,
        order_id: int,
        goods: Mapping[int, int] | None = None,
        *,
        numbers: Sequence[str] = (),
        status: str = "success",
    ) -> Document:
        """Send an order on its way, whole or in part, in parcels with these tracking numbers."""
        with self.transaction():
            order = self._known_order(order_id)
            if order["fulfillment_status"] == "fulfilled" or order["cancelled_at"]:
                return order
            lines = goods_of(order, goods, but="fulfilled")
            at = self.now().isoformat()
            row: Document = {
                "id": self.next_id("fulfillment") * 100,
                "number": len(order.get("fulfillments", ())) + 1,
                "lines": lines,
                "numbers": list(numbers),
                "status": status,
                "created_at": at,
                "updated_at": at,
            }
            order["fulfillments"] = [*order.get("fulfillments", ()), row]
            if status == "success":
                for place, count in lines:
                    line = order["lines"][place]
                    line["fulfilled"] = line.get("fulfilled", 0) + count
                whole = not goods_of(order, None, but="fulfilled")
                order["fulfillment_status"] = "fulfilled" if whole else "partial"
            order = self._keep_order(order)
            self.emit("fulfillments/create", payloads.fulfilment(self, order, row))
            if status == "success":
                whole = order["fulfillment_status"] == "fulfilled"
                self._tell_order(f"orders/{'fulfilled' if whole else 'partially_fulfilled'}", order)
            self._tell_order("orders/updated", order)
            return order

    def track_parcel(self, order_id: int, fulfilment_id: int, number: str) -> Document:
        """Give a fulfilment one more tracking number: labels are often printed later."""
        with self.transaction():
            order = self._known_order(order_id)
            row = next(each for each in order["fulfillments"] if each["id"] == fulfilment_id)
            row |= {"numbers": [*row["numbers"], number], "updated_at": self.now().isoformat()}
            order = self._keep_order(order)
            self.emit("fulfillments/update", payloads.fulfilment(self, order, row))
            return order

    def report_parcel(self, order_id: int, fulfilment_id: int, status: str) -> Document:
        """Say where a fulfilment is, as its carrier does: `in_transit`, `delivered`, …"""
        with self.transaction():
            order = self._known_order(order_id)
            row = next(each for each in order["fulfillments"] if each["id"] == fulfilment_id)
            now = self.now().isoformat()
            seen = {"id": self.next_id("parcel"), "status": status, "happened_at": now}
            row |= {"events": [*row.get("events", ()), seen], "updated_at": now}
            order = self._keep_order(order)
            self.emit("fulfillment_events/create", payloads.parcel(self, order, row, seen))
            return order


def _place(order: Document, variant_id: int) -> int | None:
    found = (n for n, line in enumerate(order["lines"]) if line["variant_id"] == variant_id)
    return next(found, None)


def goods_of(
    order: Document, goods: Mapping[int, int] | None, *, but: str = ""
) -> list[tuple[int, int]]:
    """Return places and quantities of goods by variant, or of all that are left, without those that
    something was done with already.
    """
    rest = [
        (place, amounts.left(order, line) - int(line.get(but, 0)))
        for place, line in enumerate(order["lines"])
    ]
    if goods is None:
        return [(place, count) for place, count in rest if count > 0]
    found = []
    for variant_id, count in goods.items():
        place = _place(order, variant_id)
        if place is None or not 0 < count <= rest[place][1]:
            raise REFUSED
        found.append((place, count))
    return found
