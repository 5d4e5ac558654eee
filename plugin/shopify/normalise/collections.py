"""collections/create, update, delete: the store's shelves."""

from datetime import UTC, datetime

from plugin.facts import Facts, RecordFact
from plugin.shopify.normalise.fields import id_of, reported_time, text_of
from plugin.values import parse_time
from storage.collections import Collection, ReportedCollection
from storage.engine.types import JsonObject

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """One collection. A deletion comes with the id alone and is final."""
    gone = topic == "collections/delete"
    updated = FOREVER if gone else parse_time(payload.get("updated_at"), "updated_at")
    row: ReportedCollection = {
        "id": id_of(payload, "id"),
        "title": text_of(payload, "title"),
        "handle": text_of(payload, "handle"),
        "deleted": gone,
        "updated_at": updated,
        "reported_at": FOREVER if gone else reported_time(payload, updated),
    }
    return Facts(records=[RecordFact(Collection, row)])
