"""The shop to walk through: home, shelves, products, search, cart and account."""

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from devstore.shop import carts, catalog
from devstore.shop.database import Document
from devstore.shop.products import ShopError
from devstore.shop.shops import shop_of
from devstore.storefront.pixel_events import event
from devstore.storefront.theme import FORTNIGHT_S, YEAR_S, keep, later, page

__all__ = ["page", "routes"]


async def home(request: Request) -> Response:
    """GET /."""
    goods = shop_of(request).products()
    best = [each for each in goods if "bestseller" in each["tags"]]
    return page(request, "storefront/home.html", page_type="index", best=best, goods=goods)


async def collection(request: Request) -> Response:
    """GET /collections/{handle}; `all` is everything."""
    handle = request.path_params["handle"]
    shelf = shop_of(request).collection(handle)
    if handle == "all":
        shelf = {"handle": "all", "title": "Everything", "blurb": "The whole shelf, all of it."}
    if shelf is None:
        raise ShopError("This collection does not exist.", 404)
    goods = shop_of(request).products_in(handle)
    viewed = event("collection_viewed", {"collection": {**shelf, "products": goods}})
    return page(
        request,
        "storefront/collection.html",
        page_type="collection",
        events=(viewed,),
        shelf=shelf,
        goods=goods,
    )


async def product(request: Request) -> Response:
    """GET /products/{handle}."""
    store = shop_of(request)
    found = store.product(request.path_params["handle"])
    if found is None or not catalog.is_shown(found, store.now()):
        raise ShopError("We do not sell this any more.", 404)
    need = next((tag for tag in found["tags"] if tag in catalog.NEEDS), None)
    near = [each for each in store.products_in(need) if each["id"] != found["id"]][:4]
    return page(
        request,
        "storefront/product.html",
        page_type="product",
        events=(event("product_viewed", {"product": found}),),
        product=found,
        near=near,
        need=need,
    )


async def search(request: Request) -> Response:
    """GET /search?q=."""
    words = request.query_params.get("q", "")
    goods = shop_of(request).search(words)
    told = event("search_submitted", {"search": {"query": words, "products": goods}})
    events = (told,) if words else ()
    return page(
        request,
        "storefront/search.html",
        page_type="search",
        events=events,
        words=words,
        goods=goods,
    )


async def cart(request: Request) -> Response:
    """GET /cart."""
    kept = shop_of(request).cart(request.cookies.get("cart"))
    events = (event("cart_viewed", {"cart": kept}),) if kept and kept["lines"] else ()
    return page(
        request,
        "storefront/cart.html",
        page_type="cart",
        events=events,
        subtotal=carts.subtotal(kept["lines"]) if kept else 0,
        code=request.cookies.get("discount_code"),
        message=request.query_params.get("message"),
    )


async def add(request: Request) -> Response:
    """POST /cart/add (a form) and /cart/add.js (JSON), as Shopify's Ajax API takes them."""
    store, script = shop_of(request), request.url.path.endswith(".js")
    said: dict[str, Any] = await request.json() if script else dict(await request.form())
    try:
        variant_id, quantity = int(said["id"]), int(said.get("quantity") or 1)
        kept = store.add_to_cart(request.cookies.get("cart"), variant_id, max(1, quantity))
    except (KeyError, ValueError, ShopError) as error:
        why = error.message if isinstance(error, ShopError) else "Choose a size."
        if script:
            return JSONResponse({"status": 422, "message": "Cart Error", "description": why}, 422)
        return RedirectResponse(f"/cart?message={quote(why)}", 303)
    line = next(each for each in kept["lines"] if each["variant_id"] == variant_id)
    later(request, "product_added_to_cart", {"line": {**line, "quantity": quantity}})
    response: Response = JSONResponse(_line(line)) if script else RedirectResponse("/cart", 303)
    keep(response, "cart", kept["token"], FORTNIGHT_S)
    return response


async def change(request: Request) -> Response:
    """POST /cart/change: another quantity; nought removes."""
    store, said = shop_of(request), await request.form()
    token, variant_id = request.cookies.get("cart"), int(str(said["id"]))
    before = store.cart(token)
    try:
        store.set_quantity(token, variant_id, max(0, int(str(said["quantity"]))))
    except ShopError as error:
        return RedirectResponse(f"/cart?message={quote(error.message)}", 303)
    for line in before["lines"] if before else ():
        if line["variant_id"] == variant_id and str(said["quantity"]) == "0":
            later(request, "product_removed_from_cart", {"line": line})
    return RedirectResponse("/cart", 303)


async def cart_json(request: Request) -> Response:
    """GET /cart.js."""
    kept = shop_of(request).cart(request.cookies.get("cart"))
    lines = kept["lines"] if kept else []
    return JSONResponse(
        {
            "token": kept["token"] if kept else None,
            "note": None,
            "attributes": {},
            "total_price": carts.subtotal(lines),
            "item_count": sum(line["quantity"] for line in lines),
            "items": [_line(line) for line in lines],
            "currency": "USD",
        }
    )


def _line(line: Document) -> Document:
    """Return a line as the Ajax API has it; its prices are cents."""
    return {
        "id": line["variant_id"],
        "variant_id": line["variant_id"],
        "product_id": line["product_id"],
        "quantity": line["quantity"],
        "title": f"{line['title']} - {line['variant_title']}",
        "product_title": line["title"],
        "variant_title": line["variant_title"],
        "price": line["price"],
        "line_price": line["price"] * line["quantity"],
        "sku": line["sku"],
        "handle": line["handle"],
        "url": f"/products/{line['handle']}?variant={line['variant_id']}",
        "image": f"/cdn/images/{line['handle']}.svg",
    }


async def discount(request: Request) -> Response:
    """GET /discount/{code}?redirect=/path: the code waits in a cookie for the checkout."""
    path = request.query_params.get("redirect", "/")
    local = path.startswith("/") and not path.startswith(("//", "/\\"))
    response = RedirectResponse(path if local else "/", 302)
    keep(response, "discount_code", request.path_params["code"], FORTNIGHT_S)
    return response


async def newsletter(request: Request) -> Response:
    """POST /newsletter: the footer's form."""
    said = await request.form()
    shop_of(request).subscribe_newsletter(str(said.get("email", "")))
    return page(request, "storefront/thanks.html")


async def account(request: Request) -> Response:
    """GET /account."""
    store = shop_of(request)
    visitor = store.visitor(request.cookies.get("customer"))
    if visitor is None:
        return RedirectResponse("/account/login", 303)
    orders = store.orders(visitor["id"])
    return page(request, "storefront/account.html", page_type="customers/account", orders=orders)


async def log_in(request: Request) -> Response:
    """GET and POST /account/login: an email is enough here."""
    if request.method == "GET":
        return page(request, "storefront/login.html", page_type="customers/login")
    said = await request.form()
    session = shop_of(request).log_in(str(said.get("email", "")))
    response = RedirectResponse("/account", 303)
    keep(response, "customer", session, YEAR_S, hidden=True)
    return response


async def log_out(request: Request) -> Response:
    """POST /account/logout."""
    shop_of(request).log_out(request.cookies.get("customer", ""))
    response = RedirectResponse("/", 303)
    response.delete_cookie("customer")
    return response


async def consent(request: Request) -> Response:
    """POST /account/consent: the customer's own switch for emails."""
    store, said = shop_of(request), await request.form()
    visitor = store.visitor(request.cookies.get("customer"))
    if visitor:
        state = "subscribed" if said.get("accepts_marketing") else "unsubscribed"
        store.set_consent(visitor["email"], email_state=state)
    return RedirectResponse("/account", 303)


routes = [
    Route("/", home),
    Route("/collections/{handle}", collection),
    Route("/products/{handle}", product),
    Route("/search", search),
    Route("/cart", cart),
    Route("/cart.js", cart_json),
    Route("/cart/add", add, methods=["POST"]),
    Route("/cart/add.js", add, methods=["POST"]),
    Route("/cart/change", change, methods=["POST"]),
    Route("/discount/{code}", discount),
    Route("/newsletter", newsletter, methods=["POST"]),
    Route("/account", account),
    Route("/account/login", log_in, methods=["GET", "POST"]),
    Route("/account/logout", log_out, methods=["POST"]),
    Route("/account/consent", consent, methods=["POST"]),
]
