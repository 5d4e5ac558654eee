"""carts/create, carts/update: the items of a cart. Shopify does not name its customer."""

from plugin import facts
from plugin.errors import MalformedError
from plugin.facts import EventFact, Facts, ProfileFact
from plugin.shopify.normalise.fields import as_presented, line_items, objects_of, text_of
from plugin.values import parse_time, to_decimal
from storage.checkouts import LineItem
from storage.engine.types import JsonObject
from storage.profiles import IdentityKind


def normalise(topic: str, payload: JsonObject, currency: str) -> Facts:
    """`Added to Cart`, once for each product in a cart; the cart's owner is found by its token.

    A cart does not say when each line came. The earliest telling of a line does: in a cart that is
    a week old, what is new was added now.
    """
    token = text_of(payload, "token") or text_of(payload, "id")
    if not token:
        raise MalformedError("token is missing")
    at = parse_time(payload.get("updated_at") or payload.get("created_at"), "updated_at")
    person = ProfileFact(identities=facts.identity_keys((IdentityKind.CART, token)), reported_at=at)
    lines = line_items(payload, currency)
    return Facts(
        profiles=[person],
        events=[
            EventFact(
                profile=person,
                metric="Added to Cart",
                unique_id=f"{token}:{line['variant_id'] or line['title']}",
                occurred_at=at,
                value=line["price"],
                currency=currency,
                counts_from_earliest=True,
                properties=_describe(line, item, currency),
            )
            for line, item in zip(lines, objects_of(payload, "line_items"), strict=True)
        ],
    )


def _describe(line: LineItem, item: JsonObject, currency: str) -> JsonObject:
    """What an event tells of a line, as that of a browser does: the price in whole units."""
    return {
        "title": line["title"],
        "variant_title": line["variant_title"],
        "product_id": line["product_id"],
        "variant_id": line["variant_id"],
        "sku": text_of(item, "sku"),
        "vendor": text_of(item, "vendor"),
        "quantity": line["quantity"],
        "price": float(to_decimal(line["price"], currency)),
        "currency": currency,
        **as_presented(item.get("price_set"), currency),
    }
