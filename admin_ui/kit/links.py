"""Build links to a shop's storefront and to its Shopify admin."""

from urllib.parse import urlencode

from plugin.settings import get_settings
from storage.shops import Shop

AUTH = "/auth"
EMBED_BLOCK = "embed"  # extensions/popup/blocks/embed.liquid


def storefront(shop: Shop) -> str:
    """The shop as its visitors see it."""
    return shop.url or _origin(shop)


def embed(shop: Shop) -> str:
    """The theme editor with our app embed ready to be switched on. (shopify.dev: deep links)"""
    query = urlencode(
        {
            "context": "apps",
            "template": "index",
            "activateAppId": f"{get_settings().shopify_client_id}/{EMBED_BLOCK}",
        },
        safe="/",
    )
    return f"{_origin(shop)}/admin/themes/current/editor?{query}"


def app(domain: str) -> str:
    """Our own pages in a store's admin."""
    return f"{_admin(domain)}/admin/apps/{get_settings().shopify_client_id}"


def customer(shop: Shop, customer_id: str) -> str:
    """A customer in Shopify's admin."""
    return f"{_origin(shop)}/admin/customers/{customer_id}"


def grant(shop: Shop) -> str:
    """Return the URL where Shopify asks the merchant for missing permissions."""
    return f"{get_settings().url.rstrip('/')}{AUTH}?{urlencode({'shop': shop.domain})}"


def _origin(shop: Shop) -> str:
    return _admin(shop.domain)


def _admin(domain: str) -> str:
    return get_settings().shopify_origin.rstrip("/") or f"https://{domain}"
