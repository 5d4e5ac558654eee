"""Carts: change their lines and report it by carts/create and carts/update. A cart names no
customer.
"""

import secrets

from devstore.shop import payloads
from devstore.shop.database import Document, dumps
from devstore.shop.products import Products, ShopError


class Carts(Products):
    """What shoppers carry through the shop."""

    def cart(self, token: str | None) -> Document | None:
        """A cart by the token that the `cart` cookie holds."""
        return self.document("select body from cart where token = ?", token) if token else None

    def add_to_cart(self, token: str | None, variant_id: int, quantity: int = 1) -> Document:
        """Put something into a cart; without a known token into a new one.

        Raises:
            ShopError: the size is not sold, or there is not enough of it.
        """
        with self.transaction():
            cart = self.cart(token) or self._new_cart()
            here = next((e for e in cart["lines"] if e["variant_id"] == variant_id), None)
            line = self.line(variant_id, quantity + (here["quantity"] if here else 0))
            self._in_stock(line)
            if here:
                cart["lines"][cart["lines"].index(here)] = line
            else:
                cart["lines"].append(line)
            return self._keep_cart(cart)

    def set_quantity(self, token: str | None, variant_id: int, quantity: int) -> Document:
        """Set how many of a variant the cart holds; 0 removes it. No webhook goes out if nothing
        changed.
        """
        with self.transaction():
            cart = self.cart(token)
            if cart is None:
                raise ShopError("This cart does not exist.", 404)
            wanted = [
                {**line, "quantity": quantity} if line["variant_id"] == variant_id else line
                for line in cart["lines"]
            ]
            wanted = [line for line in wanted if line["quantity"] > 0]
            if wanted == cart["lines"]:
                return cart
            for line in wanted:
                self._in_stock(self.line(line["variant_id"], line["quantity"]))
            return self._keep_cart({**cart, "lines": wanted})

    def restore_cart(self, token: str, lines: list[Document]) -> Document:
        """Return a cart with these lines, as an abandoned checkout's link restores it."""
        with self.transaction():
            cart = self.cart(token) or self._new_cart(token)
            return cart if cart["lines"] == lines else self._keep_cart({**cart, "lines": lines})

    def _new_cart(self, token: str | None = None) -> Document:
        return {
            "token": token or "hWN" + secrets.token_urlsafe(24),
            "lines": [],
            "created_at": self.now().isoformat(),
            "updated_at": None,
        }

    def _keep_cart(self, cart: Document) -> Document:
        topic = "carts/update" if cart["updated_at"] else "carts/create"
        cart["updated_at"] = self.now().isoformat()
        with self.transaction() as db:
            db.execute("insert or replace into cart values (?, ?)", (cart["token"], dumps(cart)))
            self.emit(topic, payloads.cart(self, cart))
        return cart

    def _in_stock(self, line: Document) -> None:
        if line["quantity"] > line["stock"]:
            left = f"Only {line['stock']} left" if line["stock"] > 0 else "Sold out"
            raise ShopError(f"{left}: {line['title']}, {line['variant_title']}.")


def subtotal(lines: list[Document]) -> int:
    """What lines cost together, in cents."""
    return sum(line["price"] * line["quantity"] for line in lines)
