"""The merchant's admin: lists of what the shop has, and the frame around the app's pages."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from devstore import clock
from devstore.admin.oauth import query_hmac, session_token
from devstore.pages import dollars, render
from devstore.sales import amounts
from devstore.shop.app import App
from devstore.shop.database import Document
from devstore.shop.products import ShopError
from devstore.shop.shops import shop_of
from devstore.shop.store import Store

LISTS = ("orders", "products", "customers", "discounts", "webhooks")
OURS = frozenset(("embedded", "hmac", "host", "id_token", "locale", "session", "shop", "timestamp"))


async def home(request: Request) -> Response:
    """GET /admin and /admin/{orders, products, …}."""
    store = shop_of(request)
    listed = request.path_params.get("listed", "home")
    if listed not in (*LISTS, "home"):
        raise ShopError("There is no such page.", 404)
    return _page(request, "admin/admin.html", listed=listed, **_rows(store, listed))


def _rows(store: Store, listed: str) -> dict[str, Any]:
    if listed == "webhooks":
        return {"rows": store.outbox()[::-1][:200], "lost": " ".join(store.lost_topics)}
    if listed == "home":
        whole = (each for each in store.orders() if not each["cancelled_at"])
        orders = [each for each in whole if not amounts.is_test(each)]
        counts = {
            "Sales": dollars(sum(amounts.current_total(each) for each in orders)),
            "Orders": len(orders),
            "Customers": len(store.customers()),
            "Open checkouts": sum(1 for e in store.checkouts() if not e["order_id"] and e["email"]),
        }
        return {"rows": orders[:6], "counts": counts}
    if listed == "products":
        return {"rows": store.products(active=False)}
    rows = {
        "orders": store.orders,
        "customers": store.customers,
        "discounts": store.discounts,
    }[listed]()
    return {"rows": rows[:300], "acts": tuple(ORDER_ACTS)}


async def app_page(request: Request) -> Response:
    """GET /admin/apps/{handle}/{path}: the app in its frame, or the page that installs it."""
    store, app = shop_of(request), _app(request)
    if not store.installed or store.lacking:  # new scopes are asked for as the app is opened
        query = f"?{request.url.query}" if request.url.query else ""
        action = f"/admin/apps/{app.handle}/install{query}"
        scopes = store.lacking or app.scopes
        return _page(
            request, "admin/install.html", listed="app", app=app, action=action, scopes=scopes
        )
    source = frame_url(request, request.path_params.get("path", ""))
    parts = urlsplit(app.url)
    return _page(
        request,
        "admin/frame.html",
        listed="app",
        app=app,
        source=source,
        app_origin=f"{parts.scheme}://{parts.netloc}",
        locale=request.query_params.get("locale", "en"),
    )


def frame_url(request: Request, path: str) -> str:
    """The address of an app's page as Shopify opens it: signed, with a fresh id token."""
    store, app = shop_of(request), _app(request)
    passed = {k: v for k, v in request.query_params.items() if k not in (*OURS, "path")}
    host = base64.b64encode(f"{request.url.netloc}/admin".encode()).decode().rstrip("=")
    query = {
        **passed,
        "embedded": "1",
        "host": host,
        "id_token": session_token(store),
        "locale": request.query_params.get("locale", "en"),
        "shop": store.domain,
        # The shop's clock, as the app reads it: it refuses what is a day old.
        "timestamp": str(int(store.now().timestamp())),
    }
    query["hmac"] = query_hmac(query, app.client_secret)
    return f"{app.url}/{path.lstrip('/')}?{urlencode(query)}"


async def frame_source(request: Request) -> Response:
    """GET /admin/apps/{handle}/frame-url?path=: where the frame goes when its nav is clicked."""
    return JSONResponse({"url": frame_url(request, request.query_params.get("path", ""))})


async def fresh_token(request: Request) -> Response:
    """POST /admin/session-token: what App Bridge hands to the app's page."""
    store = shop_of(request)
    if store.app is None or not store.installed:
        raise ShopError("The app is not on this shop.", 403)
    return JSONResponse({"token": session_token(store)})


async def install(request: Request) -> Response:
    """POST /admin/apps/{handle}/install."""
    app = _app(request)
    shop_of(request).install()
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/admin/apps/{app.handle}{query}", 303)


async def uninstall(request: Request) -> Response:
    """POST /admin/apps/{handle}/uninstall."""
    _app(request)
    shop_of(request).uninstall()
    return RedirectResponse("/admin", 303)


async def order_action(request: Request) -> Response:
    """POST /admin/orders/{id}/{fulfil, send, add, remove, refund, return, cancel}."""
    store, number = shop_of(request), int(request.path_params["id"])
    act = ORDER_ACTS.get(request.path_params["act"])
    order = store.order(number)
    if act is None or order is None:
        raise ShopError("There is no such page.", 404)
    act(store, order)
    return RedirectResponse("/admin/orders", 303)


async def test_order(request: Request) -> Response:
    """POST /admin/orders/test: try the checkout out, as a merchant does before a shop opens."""
    store = shop_of(request)
    cart = store.add_to_cart(None, store.for_sale()[0]["variants"][0]["id"])
    checkout = store.start_checkout(cart["token"], f"owner@{store.domain.split('.')[0]}.example")
    store.complete_checkout(checkout["token"], test=True)
    return RedirectResponse("/admin/orders", 303)


def _first(order: Document, count: int = 1) -> dict[int, int]:
    """So many of the first line that has some left."""
    for line in order["lines"]:
        if amounts.left(order, line) >= count:
            return {line["variant_id"]: count}
    raise ShopError("Nothing is left of this order.", 422)


ORDER_ACTS: dict[str, Callable[[Store, Document], object]] = {
    "fulfil": lambda store, order: store.fulfil_order(order["id"]),
    "send": lambda store, order: store.fulfil_order(
        order["id"], _first(order), numbers=(f"{order['id']}A", f"{order['id']}B")
    ),
    "add": lambda store, order: store.edit_order(
        order["id"], store.for_sale()[-1]["variants"][0]["id"], 2
    ),
    "remove": lambda store, order: store.edit_order(order["id"], next(iter(_first(order))), -1),
    "refund": lambda store, order: store.refund_order(order["id"], {}, shipping=True),
    "return": lambda store, order: store.return_goods(order["id"], _first(order)),
    "cancel": lambda store, order: store.cancel_order(order["id"]),
}


async def product_stock(request: Request) -> Response:
    """POST /admin/products/{handle}: the stock of every size."""
    stock = int(str((await request.form())["stock"]))
    shop_of(request).update_product(request.path_params["handle"], stock=max(0, stock))
    return RedirectResponse("/admin/products", 303)


async def redeliver(request: Request) -> Response:
    """POST /admin/webhooks/redeliver: every webhook a second time, as happens on Shopify."""
    shop_of(request).redeliver()
    return RedirectResponse("/admin/webhooks", 303)


async def lose(request: Request) -> Response:
    """POST /admin/webhooks/lose {topics}: what the app will not hear from now on, by topics."""
    shop_of(request).lose(*str((await request.form())["topics"]).split())
    return RedirectResponse("/admin/webhooks", 303)


async def theme_editor(request: Request) -> Response:
    """GET and POST /admin/themes/current/editor: the switch of the app's embed block."""
    store = shop_of(request)
    if request.method == "POST":
        store.switch_embed((await request.form()).get("on") == "1")
        return RedirectResponse("/admin/themes/current/editor", 303)
    return _page(request, "admin/theme_editor.html", listed="theme")


async def move_clock(request: Request) -> Response:
    """POST /clock {seconds}: from a button, or from a test as JSON."""
    if "json" in request.headers.get("content-type", ""):
        seconds = float((await request.json())["seconds"])
        clock.advance(seconds)
        return JSONResponse({"now": clock.now().isoformat()})
    clock.advance(float(str((await request.form())["seconds"])))
    came_from = urlsplit(request.headers.get("referer", "/admin"))
    query = f"?{came_from.query}" if came_from.query else ""
    return RedirectResponse("/" + came_from.path.lstrip("/") + query, 303)


def _page(request: Request, template: str, **known: Any) -> Response:
    store = shop_of(request)
    known = {"app": store.app, "rows": [], **known}
    html = render(template, shop=store, now=store.now().astimezone(store.zone), **known)
    return HTMLResponse(html, headers={"Cache-Control": "no-store"})


def _app(request: Request) -> App:
    app = shop_of(request).app
    if app is None or request.path_params.get("handle", app.handle) not in (
        app.handle,
        app.client_id,  # as Shopify's own addresses have it
    ):
        raise ShopError("There is no such app.", 404)
    return app


routes = [
    Route("/clock", move_clock, methods=["POST"]),
    Route("/admin", home),
    Route("/admin/session-token", fresh_token, methods=["POST"]),
    Route("/admin/themes/current/editor", theme_editor, methods=["GET", "POST"]),
    Route("/admin/apps/{handle}", app_page),
    Route("/admin/apps/{handle}/install", install, methods=["POST"]),
    Route("/admin/apps/{handle}/uninstall", uninstall, methods=["POST"]),
    Route("/admin/apps/{handle}/frame-url", frame_source),
    Route("/admin/apps/{handle}/{path:path}", app_page),
    Route("/admin/webhooks/redeliver", redeliver, methods=["POST"]),
    Route("/admin/webhooks/lose", lose, methods=["POST"]),
    Route("/admin/orders/test", test_order, methods=["POST"]),
    Route("/admin/orders/{id:int}/{act}", order_action, methods=["POST"]),
    Route("/admin/products/{handle}", product_stock, methods=["POST"]),
    Route("/admin/{listed}", home),
]
