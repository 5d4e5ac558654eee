"""shop/update and app/scopes_update: what the store is, and what it lets us do."""

from plugin.errors import MalformedError
from plugin.facts import Facts
from plugin.shopify.normalise.fields import own_domain, text_of
from plugin.values import parse_time
from storage.engine.types import JsonObject


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """The store's own details as columns of `shop`."""
    if topic == "app/scopes_update":
        current = payload.get("current")
        if not isinstance(current, list):
            raise MalformedError("current is not a list of scopes")
        at = parse_time(payload.get("updated_at"), "updated_at")
        return Facts(shop=[(at, {"scopes": ",".join(str(scope) for scope in current)})])
    fields = {
        "name": text_of(payload, "name"),
        "email": text_of(payload, "email"),
        "timezone": text_of(payload, "iana_timezone"),
        "currency": text_of(payload, "currency"),
        "country": text_of(payload, "country_code"),
    }
    at = parse_time(payload.get("updated_at") or payload.get("triggered_at"), "updated_at")
    reported = {name: value for name, value in fields.items() if value}
    return Facts(shop=[(at, reported)], domain=own_domain(payload))
