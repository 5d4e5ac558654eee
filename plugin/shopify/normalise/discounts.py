"""discounts/delete, discounts/redeemcode_removed: what the store no longer takes."""

from plugin.facts import Facts
from plugin.shopify.normalise.fields import object_of, text_of
from storage.engine.types import JsonObject


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """What is gone must not be given to anybody. Added codes are ours, so they are known."""
    if topic == "discounts/delete":
        return Facts(deleted_discounts=[text_of(payload, "admin_graphql_api_id")])
    code = text_of(object_of(payload, "redeem_code"), "code")
    removed = topic == "discounts/redeemcode_removed" and code
    return Facts(deleted_codes=[code] if removed else [])
