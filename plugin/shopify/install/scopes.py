"""Check which of the app's scopes a store has granted, and which are missing.

Shopify asks the merchant for the manifest's scopes when they open the app, and reports their answer
by app/scopes_update. Until then a feature that needs a missing scope waits, and says so.
"""

import structlog

from plugin.manifest import load_manifest
from plugin.shopify.api.client import covers_scopes
from storage.shops import Shop

log = structlog.get_logger()


def missing_scopes(shop: Shop) -> list[str]:
    """The scopes of the manifest that a store does not allow, as far as we know its scopes."""
    return [scope for scope in load_manifest()["scopes"] if not is_allowed(shop, scope)]


def is_allowed(shop: Shop, *scopes: str) -> bool:
    """Return whether a store has granted all of these; a store with unknown scopes has."""
    return not shop.scopes or covers_scopes(shop.scopes, scopes)


def is_allowed_or_logged(shop: Shop, part: str, *scopes: str) -> bool:
    """As `is_allowed`; log the part of our work that must wait for the merchant."""
    allowed = is_allowed(shop, *scopes)
    if not allowed:
        log.warning("shopify.scope_missing", shop=shop.id, part=part, scopes=scopes)
    return allowed
