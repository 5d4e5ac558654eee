"""Install a shop on its first visit, with its flows, forms and mails."""

from datetime import timedelta

from plugin import clock, jobs
from plugin.flows import library as flow_library
from plugin.forms import library as form_library
from plugin.messages import sender_proofs
from plugin.shopify.api.access_tokens import LIFETIME_S
from plugin.shopify.install import scopes
from plugin.shopify.install.installation import install, install_with_code
from storage import shops
from storage.engine import db, locks
from storage.shops import Shop

LIFETIME = timedelta(seconds=LIFETIME_S)
RECHECK_INTERVAL = timedelta(minutes=5)


def ensure_installed(domain: str, id_token: str) -> int:
    """Return the id of a verified session token's shop, installed first if it is new.

    Two concurrent first visits install once: the second one waits, and reads the result.

    Raises:
        RegularsError: 401 when Shopify refuses the id token; else Shopify's error.
    """
    with db.reading() as session:
        shop = shops.shop_by_domain(session, domain)
    if shop is not None and _is_ready(shop):
        return shop.id
    with locks.exclusive(f"onboard-{domain}"):
        with db.reading() as session:
            shop = shops.shop_by_domain(session, domain)
        if shop is not None and _is_ready(shop):
            return shop.id
        shop_id = install(domain, id_token)
        seed_library(shop_id)
        sender_proofs.ask_of_new_shop(shop_id)
        jobs.enqueue("sync", shop_id)
    return shop_id


def install_by_code(domain: str, code: str) -> int:
    """Install the shop that an authorization code belongs to; return its id.

    Raises:
        RegularsError: Shopify refuses the code, or does not answer.
    """
    with locks.exclusive(f"onboard-{domain}"):
        shop_id = install_with_code(domain, code)
        seed_library(shop_id)
        sender_proofs.ask_of_new_shop(shop_id)
        jobs.enqueue("sync", shop_id)
    return shop_id


def is_installed(domain: str) -> bool:
    """Whether the store of this domain needs no further yes of its merchant's."""
    with db.reading() as session:
        shop = shops.shop_by_domain(session, domain)
    return shop is not None and _is_ready(shop)


def seed_library(shop_id: int) -> None:
    """Give a shop the flows and forms that every shop begins with. Twice is a no-op."""
    flow_library.seed_flows(shop_id)
    form_library.seed(shop_id)


def _is_ready(shop: Shop) -> bool:
    """Return whether we can work for the shop: installed, with a valid token and the manifest's
    scopes.
    """
    if shop.uninstalled_at is not None or not shop.access_token:
        return False
    if shop.refresh_expires_at is not None and shop.refresh_expires_at <= clock.now():
        return False
    return not scopes.missing_scopes(shop) or _asked_lately(shop)


def _asked_lately(shop: Shop) -> bool:
    """Whether its tokens are fresh: asked again so soon, Shopify knows no more of its scopes."""
    ends = shop.token_expires_at
    return ends is not None and ends - clock.now() > LIFETIME - RECHECK_INTERVAL
