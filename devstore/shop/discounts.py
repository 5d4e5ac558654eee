"""Discount codes: made by the app through the Admin API, tried at checkout, used up by orders."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from devstore.shop import payloads
from devstore.shop.carts import subtotal
from devstore.shop.customers import Customers
from devstore.shop.database import Document, dumps


class Reduction(NamedTuple):
    """What a code takes off, in cents; `refused` says why it takes off nothing."""

    code: str
    cents: int = 0
    value: str = ""  # 15.0 or 10.00, as Shopify writes it
    type: str = "percentage"  # fixed_amount, shipping
    refused: str | None = None


class Discounts(Customers):
    """The shop's discounts, their customers and their usage limits."""

    def create_discount(
        self,
        code: str,
        *,
        percentage: float | None = None,
        amount: int | None = None,
        free_shipping: bool = False,
        title: str = "",
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        usage_limit: int | None = None,
        once_per_customer: bool = False,
        minimum: int = 0,
        customers: Iterable[int] = (),
    ) -> Document:
        """A discount and its first code; `percentage` is a share, other sums are cents."""
        made: Document = {
            "id": self.next_id("discount"),
            "title": title or code,
            "percentage": percentage,
            "amount": amount,
            "free_shipping": free_shipping,
            "starts_at": (starts_at or self.now()).isoformat(),
            "ends_at": ends_at.isoformat() if ends_at else None,
            "usage_limit": usage_limit,
            "once_per_customer": once_per_customer,
            "minimum": minimum,
            "customers": list(customers),
            "created_at": self.now().isoformat(),
        }
        with self.transaction() as db:
            db.execute("insert into discount values (?, ?)", (made["id"], dumps(made)))
            self.add_codes(made["id"], [code])
        return made

    def discount(self, number: int) -> Document | None:
        """A discount by its id."""
        return self.document("select body from discount where id = ?", number)

    def discounts(self) -> list[Document]:
        """Every discount, newest first, with its number of codes and uses."""
        return [
            {**each, **dict(self._counted(each["id"]))}
            for each in self.documents("select body from discount order by id desc")
        ]

    def delete_discount(self, number: int) -> None:
        """Take a discount and all its codes out of the shop."""
        with self.transaction() as db:
            db.execute("delete from code where discount_id = ?", (number,))
            db.execute("delete from discount where id = ?", (number,))
            told = {"admin_graphql_api_id": payloads.gid("DiscountCodeNode", number)}
            self.emit("discounts/delete", {**told, "deleted_at": self.stamp()})

    def taken(self, code: str) -> bool:
        """Whether a code stands for something already; case does not matter."""
        return self.row("select 1 from code where code = ?", code) is not None

    def add_codes(self, discount_id: int, codes: Iterable[str]) -> list[str]:
        """Give a discount more codes; the answer holds those that were free."""
        added = []
        with self.transaction() as db:
            for code in codes:
                if not self.taken(code):
                    number = self.next_id("code")
                    db.execute(
                        "insert into code (code, id, discount_id) values (?, ?, ?)",
                        (code, number, discount_id),
                    )
                    added.append(code)
        return added

    def reduction(self, code: str, lines: list[Document], email: str | None) -> Reduction:
        """What a code takes off these lines for this shopper, or why it does not."""
        code = code.strip()
        row = self.row("select * from code where code = ?", code)
        found = self.discount(row["discount_id"]) if row else None
        if row is None or found is None:
            return Reduction(code, refused="Enter a valid discount code or gift card.")
        why = self._refusal(found, row["code"], row["uses"], subtotal(lines), email=email)
        if why:
            return Reduction(code, refused=why)
        if found.get("free_shipping"):
            return Reduction(row["code"], 0, "100.0", "shipping")
        whole = subtotal(lines)
        if found["percentage"] is not None:
            value = f"{found['percentage'] * 100:.1f}"
            return Reduction(row["code"], round(whole * found["percentage"]), value)
        off = min(whole, found["amount"] or 0)
        return Reduction(row["code"], off, f"{found['amount'] / 100:.2f}", "fixed_amount")

    def redeem(self, code: str, email: str, order_id: int) -> None:
        """Count a use of a code by an order."""
        with self.transaction() as db:
            db.execute("update code set uses = uses + 1 where code = ?", (code,))
            db.execute("insert into redemption values (?, ?, ?)", (code, email, order_id))

    def _refusal(
        self, found: Document, code: str, uses: int, whole: int, *, email: str | None
    ) -> str | None:
        now = self.now()
        if datetime.fromisoformat(found["starts_at"]) > now:
            return f"{code} is not active yet."
        if found["ends_at"] and datetime.fromisoformat(found["ends_at"]) <= now:
            return f"{code} has expired."
        # "… can be used, per discount code": Shopify's reference, PriceRule.usage_limit
        if found["usage_limit"] is not None and uses >= found["usage_limit"]:
            return f"{code} has already been used."
        if whole < found["minimum"]:
            return f"{code} needs a subtotal of ${found['minimum'] / 100:.2f}."
        return self._refusal_to(found, code, email)

    def _refusal_to(self, found: Document, code: str, email: str | None) -> str | None:
        """Return why this shopper may not use a code; without an email nothing is refused until
        payment.
        """
        if not email:
            return None
        used = self.row("select 1 from redemption where code = ? and customer = ?", code, email)
        if found["once_per_customer"] and used:
            return f"You have already used {code}."
        if found["customers"]:
            buyer = self.customer(email)
            if buyer is None or buyer["id"] not in found["customers"]:
                return f"{code} is not available to you right now."
        return None

    def _counted(self, number: int) -> Iterable[tuple[str, object]]:
        row = self.row(
            "select count(*) as codes, coalesce(sum(uses), 0) as uses, min(code) as code"
            " from code where discount_id = ?",
            number,
        )
        assert row
        return [(key, row[key]) for key in ("codes", "uses", "code")]
