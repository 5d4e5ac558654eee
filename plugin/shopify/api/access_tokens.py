"""Provide a shop's access token, valid for five minutes more.

Never called while a webhook is answered: an uninstalled shop's token cannot be refreshed, and the
delivery that says so would fail for ever (shopify-app-js#3360).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from plugin import clock
from plugin.errors import RegularsError
from plugin.settings import get_settings
from plugin.shopify.api import http
from plugin.shopify.api.http import ApiResponse, ShopifyError
from plugin.texts import N_
from storage import shops
from storage.engine import db, locks
from storage.shops import Shop, ShopTokens

PATH = "/admin/oauth/access_token"
REFRESH_MARGIN = timedelta(minutes=5)  # a token must outlive the work that it is fetched for
LIFETIME_S, REFRESH_LIFETIME_S = 3_600, 90 * 86_400  # of expiring offline tokens: shopify.dev

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token, the refresh token that goes with it, and when each ends."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime
    refresh_expires_at: datetime
    scopes: str


def access_token(shop_id: int) -> str:
    """A token for a shop's Admin API, good for five minutes at least.

    Raises:
        RegularsError: the app is not installed there, or must be opened there once more.
        ShopifyError: Shopify gave no new token just now.
    """
    return domain_and_token(shop_id)[1]


def domain_and_token(shop_id: int) -> tuple[str, str]:
    """A shop's domain and its access token; see `access_token`."""
    shop = _installed(shop_id)
    assert shop.access_token
    ends = shop.token_expires_at
    # Without an end it is one that never expires, as another app of the merchant's own may have.
    if ends is None or ends - clock.now() > REFRESH_MARGIN:
        return shop.domain, shop.access_token
    return shop.domain, refresh_token(shop_id, shop.access_token)


def refresh_token(shop_id: int, stale: str) -> str:
    """Return a new access token for `stale`; concurrent callers share the first caller's."""
    with locks.exclusive(f"token-{shop_id}"):
        shop = _installed(shop_id)
        assert shop.access_token
        if shop.access_token != stale:
            return shop.access_token
        if not shop.refresh_token:
            raise discard_token(shop_id, stale)
        reply = request_tokens(
            shop.domain, {"grant_type": "refresh_token", "refresh_token": shop.refresh_token}
        )
        if reply.status in (400, 401):
            raise discard_token(shop_id, stale)
        pair = read_pair(reply, shop.scopes)
        with db.transaction() as session:
            shops.replace_tokens(session, shop_id, stale, token_columns(pair))
        log.info("shopify.token_refreshed", shop=shop_id)
        return _token(_installed(shop_id))


def discard_token(shop_id: int, dead: str) -> RegularsError:
    """Delete a token that Shopify revoked; the next visit from the admin brings a new one."""
    with db.transaction() as session:
        shops.replace_tokens(session, shop_id, dead, NO_TOKENS)
    log.warning("shopify.token_lost", shop=shop_id)
    return _closed()


def request_tokens(domain: str, payload: Mapping[str, str]) -> ApiResponse:
    """Ask Shopify for tokens.

    Raises:
        ShopifyError: Shopify was not there, or the app's own credentials are wrong.
    """
    settings = get_settings()
    app = {"client_id": settings.shopify_client_id, "client_secret": settings.shopify_client_secret}
    reply = http.post_json(domain, PATH, {**app, **payload})
    if reply.status == 429 or reply.status >= 500:
        raise ShopifyError(f"Shopify gives no token just now ({reply.status}).", 503)
    reason = (reply.body or {}).get("error")
    if reason in ("application_cannot_be_found", "invalid_client"):
        raise ShopifyError(
            "Shopify does not know this app: check REGULARS_SHOPIFY_CLIENT_ID and _SECRET."
        )
    return reply


def read_pair(reply: ApiResponse, scopes: str = "") -> TokenPair:
    """The tokens in an answer.

    Raises:
        ShopifyError: there are none.
    """
    payload = reply.body or {}
    access, refresh = payload.get("access_token"), payload.get("refresh_token")
    if reply.status != 200 or not isinstance(access, str) or not isinstance(refresh, str):
        raise ShopifyError(f"Shopify's answer ({reply.status}) holds no token that expires.")
    now = clock.now()
    # Without `expires_in` it still ends: taken for lasting, it locks the shop out (js#3400).
    return TokenPair(
        access,
        refresh,
        now + timedelta(seconds=_whole(payload.get("expires_in"), LIFETIME_S)),
        now
        + timedelta(seconds=_whole(payload.get("refresh_token_expires_in"), REFRESH_LIFETIME_S)),
        str(payload.get("scope") or scopes),
    )


def token_columns(pair: TokenPair) -> ShopTokens:
    """The pair as columns of the shop."""
    return {
        "access_token": pair.access,
        "refresh_token": pair.refresh,
        "token_expires_at": pair.expires_at,
        "refresh_expires_at": pair.refresh_expires_at,
        "scopes": pair.scopes,
    }


NO_TOKENS: ShopTokens = {
    "access_token": None,
    "refresh_token": None,
    "token_expires_at": None,
    "refresh_expires_at": None,
}


def _installed(shop_id: int) -> Shop:
    with db.reading() as session:
        shop = shops.get_shop(session, shop_id)
    if shop is None or shop.uninstalled_at is not None:
        raise RegularsError(N_("Regulars is not installed on this store."), 409)
    _token(shop)
    return shop


def _token(shop: Shop) -> str:
    if not shop.access_token:
        raise _closed()
    return shop.access_token


def _closed() -> RegularsError:
    return RegularsError(N_("Shopify ended our access. Open Regulars in your Shopify admin."), 409)


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and value > 0 else otherwise
