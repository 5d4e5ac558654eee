"""The authorization code grant, for an app that Shopify does not install by itself: build the
authorization URL of a store; then, from the query that its merchant returns with, get the store and
the code for its tokens.

The state in that URL belongs to one browser, which holds its signature in a cookie, and to how
often the store was installed and granted access: its use counts one more, so it works once.
Tokens that are refreshed meanwhile change neither. (shopify.dev: authorization code grant)
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from plugin import clock
from plugin.errors import RegularsError
from plugin.manifest import load_manifest
from plugin.settings import get_settings
from plugin.shopify.api.client import clean_domain, is_valid_query
from plugin.texts import N_
from storage import shops
from storage.engine import db, encryption

NO_STORE = N_("This isn't a Shopify store.")
NOT_FROM_SHOPIFY = N_("This link expired or isn't from Shopify. Open the app from Shopify.")
CALLBACK = "/auth/callback"
STATE_FOR_S = 600  # for the merchant to review the scopes
MAX_QUERY_CHARS = 4_096
PURPOSE = "oauth-state"  # a key of its own: with the app's secret it would pass for a webhook's
STATE = re.compile(r"[0-9a-f]{32}")
CODE = re.compile(r"[A-Za-z0-9_-]{1,255}")
SEAL = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})")

Query = Sequence[tuple[str, str]]


class AuthorizationRedirect(NamedTuple):
    """The URL to redirect the merchant to, and the cookie to return with."""

    address: str
    cookie: str


class AuthorizationResult(NamedTuple):
    """The store that granted access, and the code for its tokens, valid once and briefly."""

    domain: str
    code: str


def begin_authorization(query: Query) -> AuthorizationRedirect:
    """Lead the merchant of the store that a query names to Shopify's question.

    Raises:
        RegularsError: 400 when it names no store, 403 when it is signed, but not by Shopify.
    """
    parameters = _once(query)
    domain = clean_domain(parameters.get("shop", ""))
    if domain is None:
        raise RegularsError(NO_STORE, 400)
    if "hmac" in parameters and not is_valid_query(parameters):
        raise RegularsError(NOT_FROM_SHOPIFY, 403)
    state, issued = secrets.token_hex(16), int(clock.now().timestamp())
    asked = {
        "client_id": get_settings().shopify_client_id,
        "scope": ",".join(load_manifest()["scopes"]),
        "redirect_uri": get_settings().url.rstrip("/") + CALLBACK,
        "state": state,
    }
    origin = get_settings().shopify_origin.rstrip("/") or f"https://{domain}"
    address = f"{origin}/admin/oauth/authorize?{urlencode(asked)}"
    return AuthorizationRedirect(address, f"{issued}.{_seals(state, domain, issued)[0]}")


def finish_authorization(query: Query, cookie: str) -> AuthorizationResult:
    """What the merchant came back with.

    Raises:
        RegularsError: 400 when it is no answer of Shopify's, 403 when it is not for this browser.
    """
    parameters = _once(query)
    if clean_domain(parameters.get("shop", "")) != parameters.get("shop"):
        raise RegularsError(NO_STORE, 400)
    if not is_valid_query(parameters):
        raise RegularsError(NOT_FROM_SHOPIFY, 403)
    state, code = parameters.get("state", ""), parameters.get("code", "")
    if not STATE.fullmatch(state) or not CODE.fullmatch(code):
        raise RegularsError(N_("Shopify's response is incomplete. Install the app again."), 400)
    sealed = SEAL.fullmatch(cookie)
    if sealed is None or not _is_ours(sealed[1], sealed[2], state, parameters["shop"]):
        raise RegularsError(N_("Installation expired or changed browsers. Start again."), 403)
    return AuthorizationResult(parameters["shop"], code)


def _once(query: Query) -> dict[str, str]:
    """A query in which nothing stands twice: two readers could each take another one."""
    parameters = dict(query)
    if len(parameters) != len(query) or sum(len(k) + len(v) for k, v in query) > MAX_QUERY_CHARS:
        raise RegularsError(NOT_FROM_SHOPIFY, 400)
    return parameters


def _is_ours(issued: str, seal: str, state: str, domain: str) -> bool:
    if not 0 <= clock.now().timestamp() - int(issued) <= STATE_FOR_S:
        return False
    return any(hmac.compare_digest(seal, each) for each in _seals(state, domain, int(issued)))


def _seals(state: str, domain: str, issued: int) -> list[str]:
    """The seal under each of the installation's keys, the current one's first."""
    with db.reading() as session:
        shop = shops.shop_by_domain(session, domain)
    now = "" if shop is None else f"{shop.generation} {shop.grants}"
    text = f"{state} {domain} {issued} {now}".encode()
    return [
        hmac.new(key, text, hashlib.sha256).hexdigest()
        for key in encryption.derive_keys(PURPOSE).values()
    ]
