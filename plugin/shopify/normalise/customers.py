"""customers/create, update, enable, disable: a customer's identities and fields. They carry no
consent since 2025-01.
"""

from plugin.facts import Facts, ProfileFact
from plugin.shopify.normalise.fields import customer_keys, id_of, known_fields
from plugin.values import parse_time
from storage.engine.types import JsonObject


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """One customer."""
    id_of(payload, "id")
    person = ProfileFact(
        identities=customer_keys(payload),
        reported_at=parse_time(payload.get("updated_at"), "updated_at"),
        fields=known_fields(payload),
    )
    return Facts(profiles=[person])
