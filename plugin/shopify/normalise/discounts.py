"""discounts/redeemcode_removed: a code that the store no longer takes."""

from plugin.facts import Facts
from plugin.shopify.normalise.fields import Payload, part, text


def normalise(topic: str, payload: Payload, currency: str) -> Facts:
    """A removed code must not be given to anybody. Added ones are ours, so they are known."""
    code = text(part(payload, "redeem_code"), "code")
    removed = topic == "discounts/redeemcode_removed" and code
    return Facts(lost_codes=[code] if removed else [])
