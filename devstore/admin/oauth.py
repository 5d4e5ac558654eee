"""Who may speak for a shop: session tokens for the app's pages, token exchange for its server, and
the merchant's yes for an app that has its tokens by the authorization code grant.
"""

import base64
import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import jwt
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from devstore.pages import render
from devstore.shop.products import ShopError
from devstore.shop.shops import shop_of
from devstore.shop.store import ACCESS_S, REFRESH_S, Store, Token

LIFETIME_S = 60
LEEWAY_S = 10  # every Shopify library allows this much
USER = "9112004519"  # the merchant who sits in front of the admin

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
NOT_FOR_EVER = "Non-expiring tokens are no longer given; ask expiring=1."
OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"


def session_token(store: Store, *, user: str = USER, age_s: float = 0) -> str:
    """An id token as App Bridge gives it to the app's pages; `age_s` makes a stale one.

    The times are real ones even when the shop's clock was moved: the libraries that read them
    take the time from the machine.
    """
    assert store.app
    now = int(time.time() - age_s)
    claims = {
        "iss": f"https://{store.domain}/admin",
        "dest": f"https://{store.domain}",
        "aud": store.app.client_id,
        "sub": user,
        "exp": now + LIFETIME_S,
        "nbf": now,
        "iat": now,
        "jti": str(uuid.uuid4()),
        "sid": hashlib.sha256(f"{store.domain} {user}".encode()).hexdigest(),
    }
    return jwt.encode(claims, store.app.client_secret, algorithm="HS256")


def query_hmac(query: Mapping[str, str], secret: str) -> str:
    """The `hmac` of a document request: hex HMAC-SHA256 of the sorted pairs, joined by &."""
    pairs = "&".join(f"{key}={query[key]}" for key in sorted(query) if key != "hmac")
    return hmac.digest(secret.encode(), pairs.encode(), hashlib.sha256).hex()


async def access_token(request: Request) -> Response:
    """POST /admin/oauth/access_token: an id token or a refresh token comes in, a pair goes out."""
    store = shop_of(request)
    asked = await _fields(request)
    app = store.app
    if app is None or asked.get("client_id") != app.client_id:
        return _no("application_cannot_be_found", "There is no app with this client id.")
    if not secrets.compare_digest(str(asked.get("client_secret", "")), app.client_secret):
        return _no("invalid_client", "The client secret is wrong.", 401)
    if asked.get("grant_type") == EXCHANGE:
        return _exchanged(store, asked)
    if "code" in asked:
        return _for_code(store, asked)
    if asked.get("grant_type") == "refresh_token":
        token = store.refresh_token(str(asked.get("refresh_token", "")))
        if token is None:
            return _no("invalid_grant", "This refresh token is not valid.")
        return _answer(token)
    return _no("unsupported_grant_type", "Use token exchange or a refresh token.")


def _for_code(store: Store, asked: Mapping[str, Any]) -> Response:
    if str(asked.get("expiring", "")).lower() not in ("1", "true"):
        return _no("invalid_request", NOT_FOR_EVER)
    token = store.redeem_code(str(asked["code"]))
    if token is None:
        return _no("invalid_request", "The authorization code was not found or was already used")
    return _answer(token)


def _exchanged(store: Store, asked: Mapping[str, Any]) -> Response:
    if asked.get("subject_token_type") != ID_TOKEN:
        return _no("invalid_request", "subject_token_type must be an id token's.")
    if asked.get("requested_token_type") != OFFLINE:
        return _no("invalid_request", "requested_token_type: only offline tokens are given here.")
    # Public apps made since 2026-04-01 get no token that does not expire.
    if str(asked.get("expiring", "")).lower() not in ("1", "true"):
        return _no("invalid_request", NOT_FOR_EVER)
    if not store.installed or not is_session_token(store, str(asked.get("subject_token", ""))):
        return _no("invalid_subject_token", "The subject token is not valid.")
    return _answer(store.issue_token())


def is_session_token(store: Store, token: str) -> bool:
    """Whether a token is ours, fresh, and made for this app on this shop."""
    assert store.app
    try:
        claims = jwt.decode(
            token,
            store.app.client_secret,
            algorithms=["HS256"],
            audience=store.app.client_id,
            leeway=LEEWAY_S,
            options={"require": ["iss", "dest", "sub", "exp", "nbf", "jti", "sid"]},
        )
    except jwt.InvalidTokenError:
        return False
    return bool(claims["dest"] == f"https://{store.domain}")


async def _fields(request: Request) -> Mapping[str, Any]:
    """What was posted, as JSON or as a form."""
    if "json" in request.headers.get("content-type", ""):
        try:
            said = await request.json()
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}
    return {key: value for key, value in (await request.form()).items() if isinstance(value, str)}


def _answer(token: Token) -> Response:
    return JSONResponse(
        {
            "access_token": token.access,
            "scope": token.scope,
            "expires_in": ACCESS_S,
            "refresh_token": token.refresh,
            "refresh_token_expires_in": REFRESH_S,
        }
    )


def _no(error: str, why: str, status: int = 400) -> Response:
    return JSONResponse({"error": error, "error_description": why}, status_code=status)


async def authorize(request: Request) -> Response:
    """GET and POST /admin/oauth/authorize: ask the merchant for the app's scopes.

    A merchant who granted all of them already is not asked again.
    """
    store, asked = shop_of(request), request.query_params
    app = store.app
    if app is None or asked.get("client_id") != app.client_id:
        raise ShopError("There is no app with this client id.", 400)
    back = asked.get("redirect_uri", "")
    if not back.startswith(f"{app.url}/"):
        raise ShopError("The redirect_uri is not whitelisted.", 400)
    if request.method == "GET" and (not store.installed or store.lacking):
        action = f"/admin/oauth/authorize?{request.url.query}"
        known = {"app": app, "action": action, "scopes": store.lacking or app.scopes}
        now = store.now().astimezone(store.zone)
        return HTMLResponse(
            render("admin/install.html", shop=store, now=now, listed="app", **known)
        )
    store.install()
    said = {
        "code": store.issue_code(),
        "host": base64.b64encode(f"{request.url.netloc}/admin".encode()).decode().rstrip("="),
        "shop": store.domain,
        "state": asked.get("state", ""),
        "timestamp": str(int(store.now().timestamp())),
    }
    said["hmac"] = query_hmac(said, app.client_secret)
    return RedirectResponse(f"{back}?{urlencode(said)}", 303)


routes = [
    Route("/admin/oauth/authorize", authorize, methods=["GET", "POST"]),
    Route("/admin/oauth/access_token", access_token, methods=["POST"]),
]
