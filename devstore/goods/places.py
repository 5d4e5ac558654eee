"""Where the goods lie: a warehouse and a counter, with a count of each item at each of them."""

from devstore.goods import payloads
from devstore.shop.database import Document
from devstore.shop.products import Products, ShopError

PLACES = ("Warehouse", "Counter")


class Places(Products):
    """The stock by place. What a size has `at the counter` is a part of its stock."""

    def locations(self) -> list[Document]:
        """The places, the warehouse first."""
        with self.transaction():
            found: list[Document] = self.setting("locations", [])
            if not found:
                found = [{"id": self.next_id("location"), "name": name} for name in PLACES]
                self.set("locations", found)
        return found

    def count_stock(self, variant_id: int, count: int, *, place: str = "Counter") -> None:
        """Say how many of a size lie at a place, as staff do who count them."""
        with self.transaction():
            product, variant = self._size(variant_id)
            held = variant.get("at_counter", 0)
            if place == "Counter":
                variant |= {"stock": variant["stock"] - held + count, "at_counter": count}
            else:
                variant["stock"] = count + held
            self._changed(product)

    def leave_counter(self, variant_id: int) -> None:
        """Keep a size at the counter no longer."""
        with self.transaction() as db:
            product, variant = self._size(variant_id)
            variant["stock"] -= variant.pop("at_counter", 0)
            item, (_, counter) = payloads.item_id(variant), self.locations()
            db.execute(
                "update level set available = null, updated_at = ?"
                " where item_id = ? and location_id = ?",
                (self.now().isoformat(), item, counter["id"]),
            )
            gone = {"inventory_item_id": item, "location_id": counter["id"]}
            self.emit("inventory_levels/disconnect", gone)
            self._changed(product)

    def levels(self, item_id: int) -> list[Document]:
        """How many of an item lie at each place."""
        rows = self.rows("select * from level where item_id = ? order by location_id", item_id)
        return [dict(row) for row in rows]

    def _size(self, variant_id: int) -> tuple[Document, Document]:
        for product in self.products(active=False):
            for variant in product["variants"]:
                if variant["id"] == variant_id:
                    return product, variant
        raise ShopError("This size does not exist.", 404)

    def _keep_product(self, product: Document) -> None:
        super()._keep_product(product)
        warehouse, counter = self.locations()
        for variant in product["variants"]:
            at_counter = variant.get("at_counter")
            item, at = payloads.item_id(variant), product["updated_at"]
            in_warehouse = variant["stock"] - (at_counter or 0)
            self._keep_level((item, warehouse["id"]), in_warehouse, at)
            if at_counter is not None:
                self._keep_level((item, counter["id"]), at_counter, at)

    def _keep_level(self, key: tuple[int, int], count: int, at: str) -> None:
        with self.transaction() as db:
            sql = "select available from level where item_id = ? and location_id = ?"
            held = self.row(sql, *key)
            if held is not None and held["available"] == count:
                return
            row: Document = {
                "item_id": key[0],
                "location_id": key[1],
                "available": count,
                "updated_at": at,
            }
            db.execute("insert or replace into level values (?, ?, ?, ?)", tuple(row.values()))
            is_new = held is None or held["available"] is None
            topic = f"inventory_levels/{'connect' if is_new else 'update'}"
            self.emit(topic, payloads.level(self, row))
