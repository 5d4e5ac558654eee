"""What Shopify's own library is safe for: domains, signed queries, session tokens, scopes.

Only this file imports `shopify`. Its sessions are shared between threads and leak one shop's token
to another's request, so the Admin API is spoken to by `plugin.shopify.api.graphql`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import shopify
from shopify import session_token
from shopify.api_access import ApiAccessError
from shopify.utils.shop_url import sanitize_shop_domain

from plugin import clock
from plugin.settings import get_settings
from plugin.shopify.api.graphql import query
from plugin.shopify.api.http import ShopifyError, UserError

__all__ = [
    "ShopifyError",
    "UserError",
    "clean_domain",
    "covers_scopes",
    "decode_session_token",
    "is_valid_query",
    "query",
]

MAX_DOMAIN_CHARS = 253  # RFC 1035, 2.3.4
MAX_TOKEN_CHARS = 4_096
MAX_QUERY_AGE_S = 300  # Shopify's own Python library takes what is a whole day old
TIMESTAMP = re.compile(r"[0-9]{1,12}")


def clean_domain(text: str) -> str | None:
    """The myshopify.com domain that a person or a query means, or None when it is none."""
    # Lower-casing makes plain letters of some that are not (the Kelvin sign), so refuse them first.
    if not text.isascii() or len(text) > MAX_DOMAIN_CHARS:
        return None
    try:
        found: str | None = sanitize_shop_domain(text)
    except ValueError:  # urllib's, for a bracket that does not close
        return None
    return found


def is_valid_query(params: Mapping[str, str]) -> bool:
    """Whether Shopify signed this query for a shop in the last five minutes."""
    stamp, signature = params.get("timestamp", ""), params.get("hmac", "")
    if not TIMESTAMP.fullmatch(stamp) or not signature.isascii():
        return False
    if abs(clock.now().timestamp() - int(stamp)) > MAX_QUERY_AGE_S:
        return False
    shop = params.get("shop", "")
    if clean_domain(shop) != shop:
        return False
    return any(
        _signed_with(secret).validate_params(dict(params))
        for secret in get_settings().client_secrets()
    )


def decode_session_token(token: str) -> Mapping[str, object] | None:
    """The claims of a session token that is ours and in its time, or None."""
    if not token.isascii() or len(token) > MAX_TOKEN_CHARS:
        return None
    client_id = get_settings().shopify_client_id
    for secret in get_settings().client_secrets():
        try:
            claims: Mapping[str, object] = session_token.decode_from_header(
                f"{session_token.PREFIX}{token}", client_id, secret
            )
        # Beside its own errors: hosts that do not parse, claims that are no text, nested JSON.
        except (session_token.SessionTokenError, ValueError, TypeError, RecursionError):
            continue
        return claims
    return None


def covers_scopes(granted: str | Iterable[str], required: str | Iterable[str]) -> bool:
    """Whether granted scopes hold all required ones; writing includes reading."""
    try:
        return bool(_access(granted).covers(_access(required)))
    except ApiAccessError:
        return False


def _access(scopes: str | Iterable[str]) -> Any:
    return shopify.ApiAccess(scopes if isinstance(scopes, str) else list(scopes))


def _signed_with(secret: str) -> Any:
    """The library's session class with a secret of its own, instead of the class-wide one."""
    return type("Signed", (shopify.Session,), {"secret": secret})
