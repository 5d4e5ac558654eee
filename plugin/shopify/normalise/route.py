"""From a topic to its normaliser, as manifest.toml names it."""

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

from plugin.facts import Facts
from plugin.manifest import topics
from plugin.shopify.normalise.fields import Payload

Normaliser = Callable[[str, Payload, str], Facts]


@lru_cache
def normaliser(topic: str) -> Normaliser | None:
    """The function that understands a topic, or None when nobody subscribed to it."""
    module = topics().get(topic)
    if module is None:
        return None
    found: Normaliser = import_module(module).normalise
    return found
