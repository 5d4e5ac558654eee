"""variants/in_stock, variants/out_of_stock, inventory_levels/…: how many there are of what."""

from plugin.facts import Described, Facts, moment
from plugin.shopify.normalise.fields import Payload, number, told
from storage.inventory import InventoryLevel, Stock


def variants(topic: str, payload: Payload, currency: str) -> Facts:
    """A variant that came into stock or went out of it."""
    return Facts(described=[stock(payload, payload)])


def levels(topic: str, payload: Payload, currency: str) -> Facts:
    """inventory_levels/connect, update, disconnect: the stock of one item at one place."""
    if payload.get("inventory_item_id") is None:
        return Facts()  # as in Shopify's own examples: nothing is said of any item
    sent = moment(payload.get("triggered_at"), "X-Shopify-Triggered-At")
    said = payload.get("updated_at")
    row = {
        "item_id": number(payload, "inventory_item_id"),
        "location_id": number(payload, "location_id"),
        "available": payload.get("available"),
        "updated_at": moment(said, "updated_at") if said else sent,
        "told_at": sent,
    }
    return Facts(described=[Described(InventoryLevel, row)])


def stock(variant: Payload, payload: Payload) -> Described:
    """How many of a variant there are, as a product or the variant itself tells."""
    said = variant.get("updated_at") or payload.get("updated_at")
    updated = moment(said, "updated_at")
    row = {
        "variant_id": number(variant, "id"),
        "available": variant.get("inventory_quantity"),
        "updated_at": updated,
        "told_at": told(payload, updated),
    }
    return Described(Stock, row)
