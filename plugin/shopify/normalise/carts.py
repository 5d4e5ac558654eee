"""carts/create, carts/update: what lies in a cart. Shopify does not say whose it is."""

from plugin import facts
from plugin.facts import Did, Facts, Person, moment
from plugin.shopify.normalise.fields import Payload, as_presented, line_items, rows, text
from storage.profiles import CART


def normalise(topic: str, payload: Payload, currency: str) -> Facts:
    """`Added to Cart`, once for each product in a cart; the cart's owner is found by its token."""
    token = text(payload, "token") or text(payload, "id")
    if not token:
        raise facts.MalformedError("token is missing")
    at = moment(payload.get("created_at"), "created_at")
    person = Person(keys=facts.keys((CART, token)), at=at)
    lines = line_items(payload, currency)
    return Facts(
        people=[person],
        events=[
            Did(
                person=person,
                metric="Added to Cart",
                unique_id=f"{token}:{line['variant_id'] or line['title']}",
                at=at,
                value=line["price"],
                currency=currency,
                properties={
                    "title": line["title"],
                    "product_id": line["product_id"],
                    **as_presented(said.get("price_set"), currency),
                },
            )
            for line, said in zip(lines, rows(payload, "line_items"), strict=True)
        ],
    )
