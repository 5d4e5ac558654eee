"""variants/in_stock, variants/out_of_stock, inventory_levels/…: how many there are of what."""

from plugin.facts import Facts, RecordFact
from plugin.shopify.normalise.fields import id_of, reported_time
from plugin.values import parse_time
from storage.engine.types import JsonObject
from storage.inventory import InventoryLevel, ReportedLevel, ReportedStock, Stock


def variants(topic: str, payload: JsonObject, currency: str) -> Facts:
    """A variant that came into stock or went out of it."""
    return Facts(records=[stock(payload, payload)])


def levels(topic: str, payload: JsonObject, currency: str) -> Facts:
    """inventory_levels/connect, update, disconnect: the stock of one item at one place."""
    if payload.get("inventory_item_id") is None:
        return Facts()  # as in Shopify's own examples: no item is named
    sent = parse_time(payload.get("triggered_at"), "X-Shopify-Triggered-At")
    updated_at = payload.get("updated_at")
    row: ReportedLevel = {
        "item_id": id_of(payload, "inventory_item_id"),
        "location_id": id_of(payload, "location_id"),
        "available": payload.get("available"),
        "updated_at": parse_time(updated_at, "updated_at") if updated_at else sent,
        "reported_at": sent,
    }
    return Facts(records=[RecordFact(InventoryLevel, row)])


def stock(variant: JsonObject, payload: JsonObject) -> RecordFact:
    """Return the stock of a variant, from a product's payload or the variant's own."""
    updated_at = variant.get("updated_at") or payload.get("updated_at")
    updated = parse_time(updated_at, "updated_at")
    row: ReportedStock = {
        "variant_id": id_of(variant, "id"),
        "available": variant.get("inventory_quantity"),
        "updated_at": updated,
        "reported_at": reported_time(payload, updated),
    }
    return RecordFact(Stock, row)
