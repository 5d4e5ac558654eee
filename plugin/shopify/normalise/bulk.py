"""bulk_operations/finish: an operation of a backfill has ended. It carries its id and state."""

from plugin.facts import Facts
from plugin.shopify.normalise.fields import text_of
from storage.engine.types import JsonObject


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """Return the operation that has ended, well or not: its state is queried again."""
    operation = text_of(payload, "admin_graphql_api_id")
    return Facts(finished_operations=[operation] if operation else [])
