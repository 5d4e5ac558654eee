"""Scopes: what a store allows us comes in, what it does not allow yet goes out.

Shopify asks the merchant for what the manifest wants when she opens the app, and tells us of her
answer by app/scopes_update. Until then whatever needs a missing scope waits, and says so.
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
    """Whether a store allows us all of these. A store whose scopes nobody told allows all."""
    return not shop.scopes or covers_scopes(shop.scopes, scopes)


def is_allowed_or_logged(shop: Shop, part: str, *scopes: str) -> bool:
    """As `allows`; a part of our work that must wait for the merchant is said in the log."""
    allowed = is_allowed(shop, *scopes)
    if not allowed:
        log.warning("shopify.scope_missing", shop=shop.id, part=part, scopes=scopes)
    return allowed
