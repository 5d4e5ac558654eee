"""shop/update and app/scopes_update: what the store is, and what it lets us do."""

from typing import Any

from plugin.facts import Facts, MalformedError, moment
from plugin.shopify.normalise.fields import Payload, own_domain, text


def normalise(topic: str, payload: Payload, currency: str) -> Facts:
    """The store's own details as columns of `shop`."""
    if topic == "app/scopes_update":
        current = payload.get("current")
        if not isinstance(current, list):
            raise MalformedError("current is not a list of scopes")
        at = moment(payload.get("updated_at"), "updated_at")
        return Facts(shop=[(at, {"scopes": ",".join(str(scope) for scope in current)})])
    said: dict[str, Any] = {
        "name": text(payload, "name"),
        "email": text(payload, "email"),
        "timezone": text(payload, "iana_timezone"),
        "currency": text(payload, "currency"),
        "country": text(payload, "country_code"),
    }
    at = moment(payload.get("updated_at") or payload.get("triggered_at"), "updated_at")
    told = {name: value for name, value in said.items() if value}
    return Facts(shop=[(at, told)], domain=own_domain(payload))
