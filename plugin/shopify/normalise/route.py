"""From a topic to its normaliser, as manifest.toml names it."""

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

from plugin.facts import Facts
from plugin.manifest import topic_handlers
from storage.engine.types import JsonObject

Normaliser = Callable[[str, JsonObject, str], Facts]


@lru_cache
def normaliser(topic: str) -> Normaliser | None:
    """Return the normaliser of a topic, or None for a topic without a subscription."""
    handler = topic_handlers().get(topic)
    if handler is None:
        return None
    module, _, function = handler.partition(":")
    found: Normaliser = getattr(import_module(module), function or "normalise")
    return found
