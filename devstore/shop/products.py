"""The goods: put out on opening day, changed by the merchant, taken from stock by orders."""

from collections.abc import Iterable
from typing import Any

from devstore.shop import catalog, payloads
from devstore.shop.database import Document, dumps
from devstore.shop.outbox import Outbox


class ShopError(Exception):
    """The shop refuses. `message` may be shown to the caller."""

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Products(Outbox):
    """What the shop sells."""

    def open(self) -> None:
        """Put the goods out, once."""
        with self.transaction():
            if self.setting("opened"):
                return
            self.set("opened", True)
            for each in catalog.products():
                self._keep_product(self._numbered(each))

    def products(self, *, active: bool = True) -> list[Document]:
        """The goods that the storefront shows, or without `active` all of them, in the order they
        were put out.
        """
        found = self.documents("select body from product order by id")
        if active:
            found = [each for each in found if catalog.is_shown(each, self.now())]
        return found

    def for_sale(self) -> list[Document]:
        """The goods of which a size can be bought for money."""
        return [each for each in self.products() if catalog.is_for_sale(each)]

    def product(self, handle_or_id: str | int) -> Document | None:
        """A product by its handle or its id."""
        column = "id" if isinstance(handle_or_id, int) else "handle"
        return self.document(f"select body from product where {column} = ?", handle_or_id)

    def search(self, words: str) -> list[Document]:
        """The goods that hold every word somewhere in what the shop says about them."""
        asked = words.lower().split()
        return [each for each in self.products() if asked and all(w in _text(each) for w in asked)]

    def create_product(self, **said: Any) -> Document:
        """Add a product; needs handle, title and variants, as `catalog.products()` has them."""
        blank = {
            "product_type": "",
            "vendor": self.name,
            "status": "active",
            "tags": [],
            "line": "",
            "about": "",
            "picture": "bottle cream",
        }
        with self.transaction():
            stamp = self.now().isoformat()
            stamps = dict.fromkeys(("created_at", "published_at", "updated_at"), stamp)
            made = self._numbered({**blank, **stamps, **said})
            self._keep_product(made)
            self.emit("products/create", payloads.product(self, made))
        return made

    def update_product(self, handle_or_id: str | int, **changes: Any) -> Document:
        """Change a product: `title=`, `tags=`, `status=`; `price=` or `stock=` of all its sizes."""
        with self.transaction():
            kept = self.product(handle_or_id)
            if kept is None:
                raise ShopError("This product does not exist.", 404)
            for key in ("price", "compare_at", "stock"):
                if key in changes:
                    value = changes.pop(key)
                    for variant in kept["variants"]:
                        variant[key] = value
            kept |= changes
            self._changed(kept)
        return kept

    def delete_product(self, handle_or_id: str | int) -> None:
        """Take a product away for good."""
        with self.transaction() as db:
            kept = self.product(handle_or_id)
            if kept is None:
                raise ShopError("This product does not exist.", 404)
            db.execute("delete from product where id = ?", (kept["id"],))
            self.note_destroyed("PRODUCT", payloads.gid("Product", kept["id"]))
            self.emit("products/delete", {"id": kept["id"]})

    def note_destroyed(self, kind: str, subject: str) -> None:
        """Put down among the shop's events that something is gone for good."""
        with self.transaction() as db:
            db.execute(
                "insert into event (id, action, subject_type, subject, created_at)"
                " values (?, 'destroy', ?, ?, ?)",
                (self.next_id("event"), kind, subject, self.now().isoformat()),
            )

    def line(self, variant_id: int, quantity: int) -> Document:
        """A line of a cart: what it is, at today's price."""
        for product in self.products():
            for variant in product["variants"]:
                if variant["id"] == variant_id:
                    return {
                        "variant_id": variant_id,
                        "product_id": product["id"],
                        "handle": product["handle"],
                        "title": product["title"],
                        "variant_title": variant["title"],
                        "product_type": product["product_type"],
                        "vendor": product["vendor"],
                        "sku": variant["sku"],
                        "price": variant["price"],
                        "compare_at": variant["compare_at"],
                        "grams": variant["grams"],
                        "stock": variant["stock"],
                        "quantity": quantity,
                    }
        raise ShopError("This product is no longer sold.", 404)

    def move_stock(self, lines: Iterable[Document], sign: int) -> None:
        """Take lines out of stock (-1) or put them back (1); Shopify says products/update."""
        for line in lines:
            kept = self.product(line["product_id"])
            if kept is None:
                continue  # sold, then deleted
            for variant in kept["variants"]:
                if variant["id"] == line["variant_id"]:
                    variant["stock"] += sign * line["quantity"]
            self._changed(kept)

    def _numbered(self, said: Document) -> Document:
        for variant in said["variants"]:
            variant["id"] = self.next_id("variant")
            for key, blank in (("compare_at", None), ("stock", 100), ("grams", 90), ("sku", None)):
                variant.setdefault(key, blank)
        return {"id": self.next_id("product"), **said}

    def _changed(self, product: Document) -> None:
        product["updated_at"] = self.now().isoformat()
        self._keep_product(product)
        self.emit("products/update", payloads.product(self, product))

    def _keep_product(self, product: Document) -> None:
        with self.transaction() as db:
            db.execute(
                "insert or replace into product values (?, ?, ?)",
                (product["id"], product["handle"], dumps(product)),
            )


def _text(product: Document) -> str:
    parts = [product["title"], product["product_type"], product["line"], product["about"]]
    return " ".join([*parts, *product["tags"]]).lower()
