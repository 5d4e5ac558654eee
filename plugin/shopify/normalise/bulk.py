"""bulk_operations/finish: a reading of the past goes on. It tells an operation's id and state."""

from plugin.facts import Facts
from plugin.shopify.normalise.fields import Payload, text_of


def normalise(topic: str, payload: Payload, currency: str) -> Facts:
    """The operation that has ended, well or not: we ask for it again."""
    operation = text_of(payload, "admin_graphql_api_id")
    return Facts(finished_operations=[operation] if operation else [])
