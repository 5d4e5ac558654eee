"""Checkouts: turn a cart into one, and report it once it has an address."""

import secrets
from typing import Any

from devstore.shop import order_payloads
from devstore.shop.carts import subtotal
from devstore.shop.database import Document, dumps
from devstore.shop.discounts import Discounts, Reduction
from devstore.shop.products import ShopError

SHIPPING, FREE_FROM = 595, 5_000  # cents


class Checkouts(Discounts):
    """Orders on their way."""

    def checkout(self, token: str) -> Document | None:
        """A checkout by its token."""
        return self.document("select body from checkout where token = ?", token)

    def checkouts(self) -> list[Document]:
        """Every checkout, newest first."""
        return self.documents("select body from checkout order by rowid desc")

    def start_checkout(
        self,
        cart_token: str,
        email: str | None = None,
        *,
        code: str | None = None,
        browser_ip: str | None = None,
        user_agent: str | None = None,
        landing_site: str | None = None,
        referring_site: str | None = None,
        client_id: str | None = None,
        locale: str = "en-US",
    ) -> Document:
        """The open checkout of a cart, made when there is none, holding what the cart holds now."""
        with self.transaction():
            cart = self.cart(cart_token)
            if cart is None or not cart["lines"]:
                raise ShopError("Your cart is empty.")
            kept = self.document(
                "select body from checkout where cart_token = ? and order_id is null", cart_token
            ) or {
                "token": secrets.token_hex(16),
                "number": self.next_id("checkout"),
                "cart_token": cart_token,
                "lines": cart["lines"],
                "created_at": self.now().isoformat(),
                "browser_ip": browser_ip,
                "user_agent": user_agent,
                "landing_site": landing_site,
                "referring_site": referring_site,
                "client_id": client_id,
                "locale": locale,
                **NOTHING_YET,
            }
            changes: dict[str, Any] = {"lines": cart["lines"]}
            if email:
                changes["email"] = email
            if code and not kept["code"]:
                changes["code"] = code
            return self._change(kept, changes)

    def update_checkout(self, token: str, **changes: Any) -> Document:
        """Change email, phone, accepts_marketing, accepts_sms or address (Shopify's own keys)."""
        with self.transaction():
            return self._change(self._open_checkout(token), changes)

    def apply_code(self, token: str, code: str) -> Reduction:
        """Try a discount code on a checkout; a refused one changes nothing."""
        with self.transaction():
            kept = self._open_checkout(token)
            tried = self.reduction(code, kept["lines"], kept["email"])
            if not tried.refused:
                self._change(kept, {"code": tried.code})
            return tried

    def remove_code(self, token: str) -> Document:
        """Go on without the discount."""
        return self.update_checkout(token, code=None)

    def recover(self, cart_token: str) -> Document:
        """The checkout that a cart was left in, with the cart as it was."""
        with self.transaction():
            kept = self.document(
                "select body from checkout where cart_token = ? order by order_id is null, rowid"
                " desc limit 1",
                cart_token,
            )
            if kept is None:
                raise ShopError("This checkout does not exist.", 404)
            if not kept["order_id"]:
                self.restore_cart(kept["cart_token"], kept["lines"])
            return kept

    def _open_checkout(self, token: str) -> Document:
        kept = self.checkout(token)
        if kept is None:
            raise ShopError("This checkout does not exist.", 404)
        if kept["order_id"]:
            raise ShopError("This checkout is paid already.", 409)
        return kept

    def _change(self, kept: Document, changes: Document) -> Document:
        if changes.get("email") and "@" not in changes["email"]:
            raise ShopError("Enter a valid email.")
        wanted = self._priced({**kept, **changes})
        told = bool(wanted["email"] or wanted["phone"])
        if wanted == kept and (kept["announced"] or not told):
            return kept
        return self._tell({**wanted, "announced": kept["announced"]})

    def _tell(self, checkout: Document) -> Document:
        """Save a checkout, and report it once it names its customer."""
        checkout["updated_at"] = self.now().isoformat()
        topic = "checkouts/update" if checkout["announced"] else "checkouts/create"
        reachable = bool(checkout["email"] or checkout["phone"])
        checkout["announced"] = checkout["announced"] or reachable
        with self.transaction() as db:
            db.execute(
                "insert into checkout values (?, ?, ?, ?, ?) on conflict (token) do update set"
                " order_id = excluded.order_id, updated_at = excluded.updated_at,"
                " body = excluded.body",
                (
                    checkout["token"],
                    checkout["cart_token"],
                    checkout["order_id"],
                    checkout["updated_at"],
                    dumps(checkout),
                ),
            )
            if reachable:
                buyer = self.customer(checkout["email"])
                self.emit(topic, order_payloads.checkout(self, checkout, buyer))
        return checkout

    def _priced(self, checkout: Document) -> Document:
        """A checkout with its sums; a code that no longer holds falls away."""
        lines = [dict(line) for line in checkout["lines"]]
        whole = subtotal(lines)
        tried = Reduction("")
        if checkout["code"]:
            tried = self.reduction(checkout["code"], lines, checkout["email"])
        spread(lines, 0 if tried.refused else tried.cents)
        shipping = 0 if whole - tried.cents >= FREE_FROM else SHIPPING
        shipping_off = shipping if tried.type == "shipping" else 0
        return {
            **checkout,
            "lines": lines,
            "subtotal": whole,
            "reduction": tried.cents,
            "code": tried.code if tried.code and not tried.refused else None,
            "code_type": tried.type,
            "code_value": tried.value,
            "refused": tried.refused,
            "shipping": shipping - shipping_off,
            "shipping_off": shipping_off,
        }


NOTHING_YET: Document = {
    "email": None,
    "phone": None,
    "accepts_marketing": False,
    "accepts_sms": False,
    "address": None,
    "code": None,
    "announced": False,
    "completed_at": None,
    "order_id": None,
    "updated_at": None,
}


def spread(lines: list[Document], cents: int) -> None:
    """Share a reduction between lines by what they cost; the last takes the odd cents."""
    whole, left = subtotal(lines), cents
    for line in lines[:-1]:
        line["reduction"] = cents * line["price"] * line["quantity"] // whole if whole else 0
        left -= line["reduction"]
    lines[-1]["reduction"] = left
