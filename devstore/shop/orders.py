"""Orders: pay a checkout, and report orders/create with everything that follows from it."""

import secrets
from typing import Any

from devstore.sales import amounts
from devstore.shop import order_payloads, payloads
from devstore.shop.checkouts import Checkouts
from devstore.shop.database import Document, dumps
from devstore.shop.products import ShopError


class Orders(Checkouts):
    """What was bought."""

    def order(self, id_or_token: int | str) -> Document | None:
        """An order by its id or the token in its status page."""
        column = "id" if isinstance(id_or_token, int) else "token"
        return self.document(f"select body from orders where {column} = ?", id_or_token)

    def orders(self, customer_id: int | None = None) -> list[Document]:
        """Every order, or a customer's, newest first."""
        if customer_id is None:
            return self.documents("select body from orders order by id desc")
        return self.documents(
            "select body from orders where customer_id = ? order by id desc", customer_id
        )

    def purchases(self, customer_id: int) -> tuple[int, int]:
        """How many orders a customer made, and what these are worth now; tests count nothing."""
        kept = [each for each in self.orders(customer_id) if not amounts.is_test(each)]
        return len(kept), sum(amounts.current_total(each) for each in kept)

    def complete_checkout(self, token: str, *, test: bool = False) -> Document:
        """Pay a checkout, or try it out with a test payment. It is paid once: the second call
        returns the same order.

        Raises:
            ShopError: the checkout has no address, or its code or the stock ran out meanwhile.
        """
        with self.transaction():
            paid = self.checkout(token)
            if paid and paid["order_id"]:
                done = self.order(int(paid["order_id"]))
                assert done
                return done
            checkout = self._payable(token)
            buyer = self._buyer(checkout)
            order = self._keep_order(self._ordered(checkout, buyer) | {"test": test})
            if order["code"]:
                self.redeem(order["code"], order["email"], order["id"])
            self._tell_order("orders/create", order)
            self._tell_order("orders/paid", order)
            self._tell_purchases(order)
            at = self.now().isoformat()
            self._tell({**checkout, "order_id": order["id"], "completed_at": at})
            self.move_stock(order["lines"], -1)
            return order

    def cancel_order(self, order_id: int, reason: str = "customer") -> Document:
        """Call an order off: the money and the goods go back."""
        with self.transaction():
            order = self._known_order(order_id)
            if order["cancelled_at"]:
                return order
            order |= {
                "cancelled_at": self.now().isoformat(),
                "cancel_reason": reason,
                "financial_status": "refunded",
            }
            self._keep_order(order)
            self._tell_order("orders/cancelled", order)
            self._tell_order("orders/updated", order)
            self._tell_purchases(order)
            self.move_stock(order["lines"], 1)
            return order

    def delete_order(self, order_id: int) -> None:
        """Take an order out of the shop for good; Shopify lets go of cancelled and test orders."""
        with self.transaction() as db:
            order = self._known_order(order_id)
            db.execute("delete from orders where id = ?", (order["id"],))
            self.emit("orders/delete", {"id": order["id"]})
            self._tell_purchases(order)

    def ask_for_data(self, email: str) -> None:
        """A customer wants to know what the app holds: customers/data_request."""
        told, orders = self._person(email)
        request = {"data_request": {"id": self.next_id("data request")}}
        self.emit("customers/data_request", {**told, "orders_requested": orders, **request})

    def redact_customer(self, email: str) -> None:
        """Request a customer's erasure (customers/redact), after which their consent is final."""
        told, orders = self._person(email)
        with self.transaction():
            self.redact_consent(email)
            self.emit("customers/redact", {**told, "orders_to_redact": orders})

    def _person(self, email: str) -> tuple[Document, list[int]]:
        kept = self.customer(email)
        if kept is None:
            raise ShopError("This customer does not exist.", 404)
        who = {key: kept[key] for key in ("id", "email", "phone")}
        orders = [each["id"] for each in self.orders(kept["id"])]
        return {**payloads.whose(self), "customer": who}, orders

    def _known_order(self, order_id: int) -> Document:
        order = self.order(order_id)
        if order is None:
            raise ShopError("This order does not exist.", 404)
        return order

    def _payable(self, token: str) -> Document:
        """A checkout that may be paid, priced at this moment."""
        kept = self._open_checkout(token)
        if not kept["email"]:
            raise ShopError("Enter an email.")
        code, priced = kept["code"], self._priced(kept)
        if code and not priced["code"]:
            raise ShopError(priced["refused"])
        for line in priced["lines"]:
            self._in_stock(self.line(line["variant_id"], line["quantity"]))
        return priced

    def _buyer(self, checkout: Document) -> Document:
        """The customer of a checkout: Shopify makes one for guests, too."""
        address = checkout["address"] or {}
        buyer = self.register_customer(
            checkout["email"],
            first_name=address.get("first_name"),
            last_name=address.get("last_name"),
            phone=checkout["phone"],
            address=checkout["address"],
        )
        if checkout["accepts_marketing"]:
            buyer = self.set_consent(checkout["email"], email_state="subscribed")
        if checkout["accepts_sms"] and checkout["phone"]:
            buyer = self.set_consent(checkout["email"], sms_state="subscribed")
        return buyer

    def _ordered(self, checkout: Document, buyer: Document) -> Document:
        number = int(self.setting("last order number", 1000)) + 1
        self.set("last order number", number)
        at = self.now().isoformat()
        taken: dict[str, Any] = {key: checkout[key] for key in FROM_CHECKOUT}
        return {
            **taken,
            "id": self.next_id("order"),
            "token": secrets.token_hex(16),
            "order_number": number,
            "checkout_token": checkout["token"],
            "customer_id": buyer["id"],
            "created_at": at,
            "updated_at": at,
            "cancelled_at": None,
            "cancel_reason": None,
            "financial_status": "paid",
            "fulfillment_status": None,
        }

    def _keep_order(self, order: Document) -> Document:
        order["updated_at"] = self.now().isoformat()
        with self.transaction() as db:
            db.execute(
                "insert into orders values (?, ?, ?, ?)"
                " on conflict (id) do update set body = excluded.body",
                (order["id"], order["token"], order["customer_id"], dumps(order)),
            )
        return order

    def _tell_order(self, topic: str, order: Document) -> None:
        buyer = self.customer(int(order["customer_id"]))
        assert buyer
        self.emit(topic, order_payloads.order(self, order, buyer))

    def _tell_purchases(self, order: Document) -> None:
        if not amounts.is_test(order):
            told = payloads.purchases(self, order, *self.purchases(order["customer_id"]))
            self.emit("customers/purchasing_summary", told)


FROM_CHECKOUT = (
    "cart_token",
    "lines",
    "email",
    "phone",
    "accepts_marketing",
    "address",
    "subtotal",
    "reduction",
    "shipping",
    "shipping_off",
    "code",
    "code_type",
    "code_value",
    "browser_ip",
    "user_agent",
    "landing_site",
    "referring_site",
    "client_id",
    "locale",
)
