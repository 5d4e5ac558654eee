"""Collections and stock as Shopify's webhooks write them, API version 2026-10."""

from devstore.shop.database import Database, Document
from devstore.shop.payloads import Payload, at, gid


def collection(shop: Database, row: Document) -> Payload:
    """collections/create and collections/update."""
    return {
        "id": row["id"],
        "handle": row["handle"],
        "title": row["title"],
        "updated_at": at(shop, row["updated_at"]),
        "body_html": f"<p>{row['blurb']}</p>",
        "published_at": at(shop, row["created_at"]),
        "sort_order": "best-selling",
        "template_suffix": None,
        "published_scope": "web",
        "admin_graphql_api_id": gid("Collection", row["id"]),
    }


def collection_gone(row: Document) -> Payload:
    """collections/delete: no more than which one."""
    about = gid("Collection", row["id"])
    return {"id": row["id"], "published_scope": "web", "admin_graphql_api_id": about}


def item_id(variant: Document) -> int:
    """The inventory item of a size."""
    return int(variant["id"]) + 11


def level(shop: Database, row: Document) -> Payload:
    """inventory_levels/connect and inventory_levels/update."""
    return {
        "inventory_item_id": row["item_id"],
        "location_id": row["location_id"],
        "available": row["available"],
        "updated_at": at(shop, row["updated_at"]),
        "admin_graphql_api_id": level_gid(row),
    }


def level_gid(row: Document) -> str:
    """The id of a level: that of its place, with the item's."""
    return f"{gid('InventoryLevel', row['location_id'])}?inventory_item_id={row['item_id']}"
