"""The app proxy: a request for /apps/<subpath>/… goes on to the app, signed by the shop."""

import hashlib
import hmac
from collections.abc import Iterable

import httpx2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devstore.pages import render
from devstore.shop.shops import shop_of

PREFIXES = ("apps", "a", "community", "tools")
TIMEOUT_S = 10.0
# What a proxy keeps to itself, and cookies: Shopify passes them in neither direction.
KEPT_BACK = {
    "connection",
    "content-encoding",
    "content-length",
    "cookie",
    "host",
    "keep-alive",
    "set-cookie",
    "transfer-encoding",
    "upgrade",
}


def client() -> httpx2.AsyncClient:
    """The connection to the app."""
    return httpx2.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False)


def signature(query: Iterable[tuple[str, str]], secret: str) -> str:
    """Shopify's rule: sorted `key=value`, values of one key joined by commas, nothing between."""
    values: dict[str, list[str]] = {}
    for key, value in query:
        if key != "signature":
            values.setdefault(key, []).append(value)
    text = "".join(sorted(f"{key}={','.join(each)}" for key, each in values.items()))
    return hmac.digest(secret.encode(), text.encode(), hashlib.sha256).hex()


async def forward(request: Request) -> Response:
    """GET or POST: hand the request on and the answer back."""
    store = shop_of(request)
    app = store.app
    base = "/".join(request.url.path.split("/")[:3])
    if app is None or not store.installed or base != app.proxy_base:
        return Response(
            render("storefront/proxy.html", status=404), status_code=404, media_type="text/html"
        )
    visitor = store.visitor(request.cookies.get("customer"))
    query = [(key, value) for key, value in request.query_params.multi_items()]
    query += [
        ("shop", store.domain),
        ("logged_in_customer_id", str(visitor["id"]) if visitor else ""),
        ("path_prefix", base),
        ("timestamp", str(int(store.now().timestamp()))),
    ]
    query.append(("signature", signature(query, app.client_secret)))
    headers = {k: v for k, v in request.headers.items() if k.lower() not in KEPT_BACK}
    origin = request.client.host if request.client else "127.0.0.1"
    before = request.headers.get("x-forwarded-for")
    headers["X-Forwarded-For"] = f"{before}, {origin}" if before else origin
    headers["X-Forwarded-Host"] = store.domain
    try:
        answer = await request.app.state.client.request(
            request.method,
            f"{app.url}{app.proxy_path}/{request.path_params['rest']}",
            params=query,
            headers=headers,
            content=await request.body(),
        )
    except httpx2.HTTPError:
        return Response(
            render("storefront/proxy.html", status=502), status_code=502, media_type="text/html"
        )
    return Response(
        answer.content,
        status_code=answer.status_code,
        headers={k: v for k, v in answer.headers.items() if k.lower() not in KEPT_BACK},
    )


routes = [
    Route(f"/{prefix}/{{subpath}}/{{rest:path}}", forward, methods=["GET", "POST"], name=prefix)
    for prefix in PREFIXES
]
