"""collections/create, update, delete: the store's shelves."""

from datetime import UTC, datetime

from plugin.facts import Described, Facts, moment
from plugin.shopify.normalise.fields import Payload, number, text, told
from storage.collections import Collection

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


def normalise(topic: str, payload: Payload, currency: str) -> Facts:
    """One collection. A deletion comes with the id alone and is final."""
    gone = topic == "collections/delete"
    updated = FOREVER if gone else moment(payload.get("updated_at"), "updated_at")
    row = {
        "id": number(payload, "id"),
        "title": text(payload, "title"),
        "handle": text(payload, "handle"),
        "deleted": gone,
        "updated_at": updated,
        "told_at": FOREVER if gone else told(payload, updated),
    }
    return Facts(described=[Described(Collection, row)])
