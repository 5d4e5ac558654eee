"""customer.tags_added, customer.tags_removed, customers/purchasing_summary: what changed of one."""

from plugin import facts
from plugin.errors import MalformedError
from plugin.facts import TAG_PREFIX, Facts, ProfileFact
from plugin.shopify.normalise.fields import gid, object_of
from plugin.values import parse_time, to_minor_units
from storage.engine.types import JsonObject
from storage.profiles import IdentityKind

TAGGED = {"customer.tags_added": True, "customer.tags_removed": False}


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """Each tag by itself, so that adding and removing may come in any order; or the sums."""
    customer = gid(payload.get("customerId"))
    if customer is None:
        raise MalformedError("customerId is no id of a customer")
    at = parse_time(payload.get("occurredAt"), "occurredAt")
    properties: JsonObject
    if topic in TAGGED:
        tags = payload.get("tags")
        properties = {
            f"{TAG_PREFIX}{tag}": TAGGED[topic] for tag in tags or [] if isinstance(tag, str)
        }
    else:
        spent = object_of(payload, "amountSpent")
        code = str(spent.get("currencyCode") or currency)
        properties = {
            "orders_count": int(payload.get("numberOfOrders") or 0),
            "total_spent": to_minor_units(spent.get("amount") or 0, code, "amountSpent"),
        }
    return Facts(
        profiles=[
            ProfileFact(
                facts.identity_keys((IdentityKind.CUSTOMER, customer)), at, properties=properties
            )
        ]
    )
