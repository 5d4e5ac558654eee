"""Stock by place, as the Admin API tells it: locations, items, and how many of each lie where."""

from collections.abc import Sequence
from typing import Any

from devstore.admin import resolvers, search
from devstore.admin.resolvers import Answer
from devstore.goods.payloads import item_id, level_gid
from devstore.shop.database import Document
from devstore.shop.payloads import gid
from devstore.shop.store import Store


def locations(
    store: Store,
    first: int | None = None,
    after: str | None = None,
    includeInactive: bool = False,  # noqa: N803  arguments have Shopify's names
) -> Answer:
    """QueryRoot.locations."""
    return resolvers.connection(
        store.locations(), lambda place: _location(store, place), first, after
    )


def item(store: Store, variant: Document) -> Answer:
    """A size's inventory item, with its levels."""

    def levels(
        _info: Any,
        first: int | None = None,
        after: str | None = None,
        includeInactive: bool = False,  # noqa: N803  as above
    ) -> Answer:
        rows = [row for row in store.levels(item_id(variant)) if includeInactive or _lies(row)]
        return resolvers.connection(rows, _level, first, after)

    return {
        "id": gid("InventoryItem", item_id(variant)),
        "tracked": True,
        "inventoryLevels": levels,
    }


def _location(store: Store, place: Document) -> Answer:
    def levels(
        _info: Any,
        first: int | None = None,
        after: str | None = None,
        query: str | None = None,
        includeInactive: bool = False,  # noqa: N803  as above
    ) -> Answer:
        where, values = search.condition(query)
        wanted = int(first or 0)
        rows = store.rows(
            f"select * from level where location_id = ? and item_id > ? and {where}"
            " and (? or available is not null) order by item_id limit ?",
            place["id"],
            resolvers.opened(after) if after else 0,
            *values,
            includeInactive,
            wanted + 1,
        )
        nodes = [_level(dict(row)) for row in rows[:wanted]]
        cursors = [resolvers.cursor(row["item_id"]) for row in rows[:wanted]]
        return resolvers.frame(nodes, cursors, before=bool(after), more=len(rows) > wanted)

    return {
        "id": gid("Location", place["id"]),
        "name": place["name"],
        "isActive": True,
        "inventoryLevels": levels,
    }


def _lies(row: Document) -> bool:
    """Whether the item is still kept at the place."""
    return row["available"] is not None


def _level(row: Document) -> Answer:
    def quantities(_info: Any, names: Sequence[str]) -> list[Answer]:
        return [
            {
                "id": f"gid://shopify/InventoryQuantity/{row['item_id']}?name={name}",
                "name": name,
                "quantity": row["available"] or 0,
            }
            for name in names
        ]

    return {
        "id": level_gid(row),
        "isActive": _lies(row),
        "updatedAt": resolvers.instant(row["updated_at"]),
        "item": {"id": gid("InventoryItem", row["item_id"]), "tracked": True},
        "location": {"id": gid("Location", row["location_id"])},
        "quantities": quantities,
    }
