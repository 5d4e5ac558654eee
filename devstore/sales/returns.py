"""Returns: shoppers ask for them, staff approve, decline, cancel, close and reopen them."""

from collections.abc import Mapping

from devstore.sales import payloads
from devstore.sales.changes import REFUSED, ChangedOrders, goods_of
from devstore.shop.database import Document

# Each topic with the states that a return may come from, and the state it is in then: shopify.dev,
# ReturnStatus, returnApproveRequest and the like.
MOVES: dict[str, tuple[tuple[str, ...], str]] = {
    "returns/approve": (("requested",), "open"),
    "returns/decline": (("requested",), "declined"),
    "returns/cancel": (("open",), "canceled"),
    "returns/close": (("open",), "closed"),
    "returns/reopen": (("closed",), "open"),
}


class Returns(ChangedOrders):
    """What comes back."""

    def request_return(self, order_id: int, goods: Mapping[int, int] | None = None) -> int:
        """A shopper wants to send goods back, by variant, or all that are left; the return's id."""
        with self.transaction():
            return self._add_return(order_id, goods, "requested", "returns/request")

    def move_return(self, order_id: int, return_id: int, topic: str) -> Document:
        """Approve, decline, cancel, close or reopen a return, as a topic of `MOVES` says."""
        before, after = MOVES[topic]
        with self.transaction():
            order = self._known_order(order_id)
            row = next(each for each in order["returns"] if each["id"] == return_id)
            if row["status"] not in before:
                raise REFUSED
            now = self.now().isoformat()
            row["status"] = after
            if topic == "returns/approve":
                row["approved_at"] = now
            row["closed_at"] = now if topic == "returns/close" else None
            order = self._keep_order(order)
            self.emit(topic, payloads.return_moved(order, row, topic))
            self._tell_order("orders/updated", order)
            return order

    def return_goods(self, order_id: int, goods: Mapping[int, int] | None = None) -> Document:
        """Take goods back and pay for them: the return is approved, refunded and closed."""
        with self.transaction():
            order = self._known_order(order_id)
            back = {
                order["lines"][place]["variant_id"]: count
                for place, count in goods_of(order, goods)
            }
            made = self._add_return(order_id, back, "open", "returns/approve")
            self.refund_order(order_id, back, return_id=made)
            return self.move_return(order_id, made, "returns/close")

    def _add_return(
        self, order_id: int, goods: Mapping[int, int] | None, status: str, topic: str
    ) -> int:
        order = self._known_order(order_id)
        now = self.now().isoformat()
        row: Document = {
            "id": self.next_id("return") * 100,
            "number": len(order.get("returns", ())) + 1,
            "lines": goods_of(order, goods),
            "status": status,
            "created_at": now,
            "approved_at": now if status == "open" else None,
            "closed_at": None,
        }
        order["returns"] = [*order.get("returns", ()), row]
        order = self._keep_order(order)
        self.emit(topic, payloads.returned(order, row))
        self._tell_order("orders/updated", order)
        return int(row["id"])
