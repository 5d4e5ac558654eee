"""From a topic to its normaliser, as manifest.toml names it."""

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

from plugin.facts import Facts
from plugin.manifest import topic_handlers
from storage.engine.types import JsonObject

Normaliser = Callable[[str, JsonObject, str], Facts]

ADMIN_API, NODES = "admin_api/", "plugin.shopify.api.nodes"


@lru_cache
def normaliser(topic: str) -> Normaliser | None:
    """Return the normaliser of a topic, or None for a topic without a subscription."""
    # What was read and could not be parsed is tried again as a delivery.
    handler = NODES if topic.startswith(ADMIN_API) else topic_handlers().get(topic)
    if handler is None:
        return None
    module, _, function = handler.partition(":")
    found: Normaliser = getattr(import_module(module), function or "normalise")
    return found
