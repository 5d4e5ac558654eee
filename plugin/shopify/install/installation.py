"""Install a shop by an id token from the admin or by an authorization code, with its tokens and
details.
"""

import structlog

from plugin import clock
from plugin.errors import RegularsError
from plugin.shopify.api import access_tokens, graphql
from plugin.shopify.api.access_tokens import TokenPair
from plugin.shopify.api.client import clean_domain
from plugin.shopify.api.http import ShopifyError
from plugin.texts import N_
from storage import shops
from storage.engine import db, locks
from storage.engine.types import JsonObject
from storage.shops import Shop

EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    "requested_token_type": "urn:shopify:params:oauth:token-type:offline-access-token",
    "expiring": "1",  # public apps made since 2026-04-01 get no other kind
}

log = structlog.get_logger()


def install(domain: str, id_token: str) -> int:
    """Exchange an id token for tokens, ask the shop who it is, and keep both; the shop's id.

    A store that comes back keeps its row and what its merchant set, and its generation rises.

    Raises:
        RegularsError: 401 when Shopify does not take the id token.
        ShopifyError: Shopify refused, or was not there. Then nothing was kept.
    """
    return _install(domain, {**EXCHANGE, "subject_token": id_token})


def install_with_code(domain: str, code: str) -> int:
    """As `install`, by the code of the authorization code grant, which Shopify takes once."""
    return _install(domain, {"code": code, "expiring": "1"})


def is_let_in(shop_id: int) -> bool:
    """Whether the store lets us in at this moment. Shopify itself is asked.

    Raises:
        ShopifyError: it says neither yes nor no just now.
    """
    try:
        graphql.query(shop_id, "installation", {})
    except ShopifyError:
        raise
    except RegularsError:  # its tokens are gone, or it takes them no more
        return False
    return True


def _install(domain: str, grant: dict[str, str]) -> int:
    if clean_domain(domain) != domain:
        raise RegularsError(N_("This isn't a Shopify store."), 400)
    with locks.exclusive(f"install-{domain}"):
        pair = _exchange(domain, grant)
        details = _details(graphql.query_with_token(domain, pair.access, "shop", {})["shop"])
        with db.transaction() as session:
            shop = shops.shop_by_domain(session, domain)
            if shop is None:
                shop = shops.add_shop(session, domain, clock.now())
            elif shop.uninstalled_at is not None or shop.access_token is None:
                # Since a revoked token, too: the webhook of the uninstall may still be on its way.
                _reinstall(shop)
            _fill(shop, pair, details)
            shop.grants += "code" in grant
    log.info("shopify.installed", shop=shop.id, generation=shop.generation)
    return shop.id


def _exchange(domain: str, grant: dict[str, str]) -> TokenPair:
    reply = access_tokens.request_tokens(domain, grant)
    if reply.status in (400, 401):
        raise RegularsError("Your session expired. Reload the page.", 401)
    return access_tokens.read_pair(reply)


def _details(shop_data: JsonObject) -> dict[str, str]:
    """The shop's own words as our columns."""
    return {
        "name": shop_data["name"],
        "email": shop_data["email"],
        "url": shop_data["primaryDomain"]["url"].rstrip("/"),
        "timezone": shop_data["ianaTimezone"],
        "currency": shop_data["currencyCode"],
        "country": shop_data["shopAddress"]["countryCodeV2"] or "",
        "postal_address": _postal(shop_data["shopAddress"]),
    }


def _postal(address: dict[str, str | None]) -> str:
    """The address as one line; empty when the shop keeps none."""
    region = " ".join(part for part in (address["provinceCode"], address["zip"]) if part)
    street = (address["address1"], address["city"], region)
    return ", ".join(p for p in (*street, address["country"]) if p) if address["address1"] else ""


def _reinstall(shop: Shop) -> None:
    shop.generation += 1
    shop.installed_at = clock.now()
    shop.uninstalled_at = None
    shop.catalog_synced_at = None


def _fill(shop: Shop, pair: TokenPair, details: dict[str, str]) -> None:
    if shop.postal_address:
        del details["postal_address"]  # the merchant's own words stay
    if set(pair.scopes.split(",")) - set(shop.scopes.split(",")):
        shop.catalog_synced_at = None  # there is more to read and to do than the last time
    for name, value in {**details, **access_tokens.token_columns(pair)}.items():
        setattr(shop, name, value)
    shop.sender_name = shop.sender_name or shop.name
    shop.sender_email = shop.sender_email or shop.email
