"""Collections: put up on opening day, changed and taken down by the merchant."""

from typing import Any

from devstore.goods import payloads
from devstore.shop import catalog
from devstore.shop.database import Document, dumps
from devstore.shop.payloads import gid
from devstore.shop.products import Products, ShopError

STAMPS = ("created_at", "updated_at")


class Collections(Products):
    """The shelves of the shop."""

    def open(self) -> None:
        """Put the goods out and the collections up, once."""
        super().open()
        with self.transaction():
            if self.setting("collections up"):
                return
            self.set("collections up", True)
            stamps = dict.fromkeys(STAMPS, catalog.OPENED.isoformat())
            for each in catalog.collections():
                self._keep_collection({"id": self.next_id("collection"), **each, **stamps})

    def collections(self) -> list[Document]:
        """All collections, in the order they were put up."""
        return self.documents("select body from collection order by id")

    def collection(self, handle_or_id: str | int) -> Document | None:
        """A collection by its handle or its id."""
        column = "id" if isinstance(handle_or_id, int) else "handle"
        return self.document(f"select body from collection where {column} = ?", handle_or_id)

    def products_in(self, handle: str | None) -> list[Document]:
        """The goods of a collection that the storefront shows; all of them, when there is none."""
        shelf, found = self.collection(handle) if handle else None, self.products()
        return [each for each in found if catalog.belongs(each, shelf)] if shelf else found

    def create_collection(self, handle: str, title: str, **said: Any) -> Document:
        """Put up a collection; `tag=` or `type=` says what belongs to it."""
        with self.transaction():
            stamps = dict.fromkeys(STAMPS, self.now().isoformat())
            row = {"id": self.next_id("collection"), "handle": handle, "title": title, "blurb": ""}
            made = self._keep_collection({**row, **stamps, **said})
            self.emit("collections/create", payloads.collection(self, made))
        return made

    def update_collection(self, handle_or_id: str | int, **changes: Any) -> Document:
        """Change a collection: `title=`, `handle=`, `blurb=`."""
        with self.transaction():
            changes["updated_at"] = self.now().isoformat()
            kept = self._keep_collection(self._known_collection(handle_or_id) | changes)
            self.emit("collections/update", payloads.collection(self, kept))
        return kept

    def delete_collection(self, handle_or_id: str | int) -> None:
        """Take a collection down for good; its goods stay."""
        with self.transaction() as db:
            kept = self._known_collection(handle_or_id)
            db.execute("delete from collection where id = ?", (kept["id"],))
            self.note_destroyed("COLLECTION", gid("Collection", kept["id"]))
            self.emit("collections/delete", payloads.collection_gone(kept))

    def _known_collection(self, handle_or_id: str | int) -> Document:
        kept = self.collection(handle_or_id)
        if kept is None:
            raise ShopError("This collection does not exist.", 404)
        return kept

    def _keep_collection(self, collection: Document) -> Document:
        with self.transaction() as db:
            db.execute(
                "insert or replace into collection values (?, ?, ?)",
                (collection["id"], collection["handle"], dumps(collection)),
            )
        return collection
