"""Render a storefront page with the app's parts."""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from devstore.pages import render
from devstore.shop.database import Document
from devstore.shop.products import ShopError
from devstore.shop.shops import shop_of
from devstore.storefront.embed import Embed
from devstore.storefront.pictures import picture
from devstore.storefront.pixel_events import cart as cart_data
from devstore.storefront.pixel_events import event

NO_EMBED = ("checkout", "order")  # theme extensions end where the theme ends
YEAR_S, FORTNIGHT_S = 365 * 86_400, 14 * 86_400


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    page_type: str = "page",
    events: tuple[Document, ...] = (),
    **known: Any,
) -> Response:
    """A page of the shop, with the app's embed and pixel when it is installed."""
    store = shop_of(request)
    client_id = request.cookies.get("_shopify_y") or str(uuid.uuid4())
    cart = known.pop("cart", None) or store.cart(request.cookies.get("cart"))
    visitor = known.pop("visitor", None) or store.visitor(request.cookies.get("customer"))
    waiting = request.app.state.pixel_events.pop(client_id, [])
    embed = Embed.on(request.app.state.extensions, store) if page_type not in NO_EMBED else None
    html = render(
        template,
        **{
            "shop": store,
            "cart": cart,
            "cart_count": sum(line["quantity"] for line in cart["lines"]) if cart else 0,
            "collections": store.collections(),
            "visitor": visitor,
            "path": request.url.path,
            "embed": embed.render(page_type) if embed else "",
            "pixel": _pixel(request, cart, client_id, [*waiting, *events]),
            **known,
        },
    )
    response = HTMLResponse(html, status_code=status)
    if "_shopify_y" not in request.cookies:
        keep(response, "_shopify_y", client_id, YEAR_S)
        landing = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        keep(response, "_landing_page", landing[:500], FORTNIGHT_S)
        keep(response, "_orig_referrer", request.headers.get("referer", "")[:500], FORTNIGHT_S)
    return response


def keep(response: Response, name: str, value: str, seconds: int, *, hidden: bool = False) -> None:
    """Set a cookie; scripts may read it as they may Shopify's, unless it is `hidden`."""
    response.set_cookie(name, value, max_age=seconds, httponly=hidden, samesite="lax")


def visitor_ip(request: Request) -> str | None:
    """Where the visitor sits; shoppers that a program plays say it in X-Forwarded-For."""
    said = request.headers.get("x-forwarded-for", "").split(",")[0].strip()
    return said or (request.client.host if request.client else None)


def later(request: Request, name: str, data: Document) -> None:
    """Report an event to the pixel on the next page, because this answer is a redirect."""
    client_id = request.cookies.get("_shopify_y")
    if client_id:
        request.app.state.pixel_events.setdefault(client_id, []).append(event(name, data))


def _pixel(
    request: Request, cart: Document | None, client_id: str, events: list[Document]
) -> Document | None:
    """What the page's pixel starts with; None while the app has made none."""
    store, folder = shop_of(request), request.app.state.extensions
    if not (store.installed and store.pixel and folder and _pixel_file(folder).exists()):
        return None
    return {
        "clientId": client_id,
        "ahead": round((store.now() - datetime.now(UTC)).total_seconds() * 1000),
        "settings": store.pixel["settings"],
        "script": "/cdn/extensions/pixel/index.js",
        "shop": {
            "name": store.name,
            "myshopifyDomain": store.domain,
            "paymentSettings": {"currencyCode": store.currency},
        },
        "cart": cart_data(cart) if cart else None,
        "events": [event("page_viewed", {}), *events],
    }


async def image(request: Request) -> Response:
    """GET /cdn/images/{handle}.svg."""
    found = shop_of(request).product(request.path_params["handle"])
    if found is None:
        raise ShopError("This picture does not exist.", 404)
    drawn = picture(found["title"], found["picture"], found["variants"][0]["title"])
    headers = {"Cache-Control": "public, max-age=3600", "Access-Control-Allow-Origin": "*"}
    return Response(drawn, media_type="image/svg+xml", headers=headers)


async def asset(request: Request) -> Response:
    """GET /cdn/extensions/{extension}/assets/{file}."""
    name = request.path_params["file"]
    return _file(request, Path(request.path_params["extension"]) / "assets" / name)


async def pixel_script(request: Request) -> Response:
    """GET /cdn/extensions/pixel/index.js."""
    return _file(request, Path("pixel/src/index.js"))


def _pixel_file(folder: Path) -> Path:
    return folder / "pixel" / "src" / "index.js"


def _file(request: Request, below: Path) -> Response:
    folder: Path | None = request.app.state.extensions
    path = (folder / below).resolve() if folder else None
    if not (folder and path and path.is_relative_to(folder.resolve()) and path.is_file()):
        raise ShopError("This file does not exist.", 404)
    return FileResponse(path, headers={"Access-Control-Allow-Origin": "*"})


routes = [
    Route("/cdn/images/{handle}.svg", image),
    Route("/cdn/extensions/pixel/index.js", pixel_script),
    Route("/cdn/extensions/{extension}/assets/{file}", asset),
]
