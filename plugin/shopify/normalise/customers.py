"""customers/create, update, enable, disable: who somebody is. No consent in them since 2025-01."""

from plugin.facts import Facts, Person, moment
from plugin.shopify.normalise.fields import Payload, customer_keys, known_fields, number


def normalise(topic: str, payload: Payload, currency: str) -> Facts:
    """One customer."""
    number(payload, "id")
    person = Person(
        keys=customer_keys(payload),
        at=moment(payload.get("updated_at"), "updated_at"),
        fields=known_fields(payload),
    )
    return Facts(people=[person])
