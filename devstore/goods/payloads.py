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
