"""customers/merge: two customers that the merchant made one."""

from datetime import UTC, datetime

from plugin import facts
from plugin.errors import MalformedError
from plugin.facts import Facts, ProfileFact
from plugin.shopify.normalise.fields import gid, reported_time
from storage.engine.types import JsonObject
from storage.profiles import IdentityKind

SOMETIME = datetime(2000, 1, 1, tzinfo=UTC)


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """Both customers are one person, once the merge has succeeded."""
    if payload.get("status") != "completed":
        return Facts()
    kept = gid(payload.get("admin_graphql_api_customer_kept_id"))
    deleted = gid(payload.get("admin_graphql_api_customer_deleted_id"))
    if kept is None or deleted is None:
        raise MalformedError("admin_graphql_api_customer_kept_id is no id of a customer")
    keys = facts.identity_keys((IdentityKind.CUSTOMER, kept), (IdentityKind.CUSTOMER, deleted))
    return Facts(profiles=[ProfileFact(keys, reported_time(payload, SOMETIME))])
