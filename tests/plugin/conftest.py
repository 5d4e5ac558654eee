"""Fixtures that several stages of the plugin are tested with."""

from tests.plugin.shopify.box import door, shopify

__all__ = ["door", "shopify"]
