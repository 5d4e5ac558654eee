"""From the cart to an order: contact, shipping, payment, and the page that says thank you."""

import secrets
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from devstore.shop.database import Document
from devstore.shop.order_payloads import recover_key
from devstore.shop.products import ShopError
from devstore.shop.shops import shop_of
from devstore.storefront.theme import FORTNIGHT_S, keep, later, page, visitor_ip

STEPS = ("contact", "shipping", "payment")
STATES = {"New York": "NY", "California": "CA", "Texas": "TX", "Washington": "WA", "Oregon": "OR"}


async def start(request: Request) -> Response:
    """GET or POST /checkout: from the cart in the cookie."""
    store, token = shop_of(request), request.cookies.get("cart")
    visitor = store.visitor(request.cookies.get("customer"))
    try:
        kept = store.start_checkout(
            token or "",
            visitor["email"] if visitor else None,
            code=request.query_params.get("discount") or request.cookies.get("discount_code"),
            browser_ip=visitor_ip(request),
            user_agent=request.headers.get("user-agent"),
            landing_site=request.cookies.get("_landing_page"),
            referring_site=request.cookies.get("_orig_referrer") or None,
            client_id=request.cookies.get("_shopify_y"),
            locale=request.headers.get("accept-language", "en-US").split(",")[0],
        )
    except ShopError as error:
        return RedirectResponse(f"/cart?message={quote(error.message)}", 303)
    later(request, "checkout_started", {"checkout": kept})
    query = f"?message={quote(kept['refused'])}" if kept["refused"] else ""
    return RedirectResponse(f"/checkouts/{kept['token']}{query}", 303)


async def show(request: Request) -> Response:
    """GET /checkouts/{token}?step=."""
    kept = _checkout(request)
    if kept["order_id"]:
        return _to_order(request, kept)
    asked = request.query_params.get("step", "contact")
    return _step(request, kept, asked, message=request.query_params.get("message"))


def _step(
    request: Request, kept: Document, asked: str, *, message: str | None = None, status: int = 200
) -> Response:
    """A step, or the first one that still lacks something."""
    ready = STEPS[: 1 + bool(kept["email"]) + bool(kept["email"] and kept["address"])]
    step = asked if asked in ready else ready[-1]
    buyer = shop_of(request).customer(kept["email"])
    return page(
        request,
        "storefront/checkout.html",
        status=status,
        page_type="checkout",
        checkout=kept,
        step=step,
        ready=ready,
        states=STATES,
        address=kept["address"] or (buyer or {}).get("address") or {},
        message=message,
    )


async def contact(request: Request) -> Response:
    """POST /checkouts/{token}/contact."""
    said = await request.form()
    return _changed(
        request,
        "contact",
        "checkout_contact_info_submitted",
        email=str(said.get("email", "")).strip(),
        phone=str(said.get("phone", "")).strip() or None,
        accepts_marketing=bool(said.get("accepts_marketing")),
        accepts_sms=bool(said.get("accepts_sms")),
    )


async def shipping(request: Request) -> Response:
    """POST /checkouts/{token}/shipping."""
    said = {key: str(value).strip() for key, value in (await request.form()).items()}
    missing = [key for key in ("last_name", "address1", "city", "zip") if not said.get(key)]
    if missing:
        what = (
            missing[0].replace("_", " ").replace("address1", "address").replace("zip", "ZIP code")
        )
        return _step(
            request, _checkout(request), "shipping", message=f"Enter a {what}.", status=422
        )
    return _changed(request, "shipping", "checkout_address_info_submitted", address=address(**said))


def address(**said: str) -> Document:
    """A United States address with Shopify's keys, from what a form or a test says."""
    first, last = said.get("first_name", ""), said.get("last_name", "")
    state = said.get("province", "New York")
    return {
        "first_name": first or None,
        "last_name": last or None,
        "company": None,
        "address1": said.get("address1", "12 Orchard Street"),
        "address2": said.get("address2") or None,
        "city": said.get("city", "New York"),
        "province": state,
        "country": "United States",
        "zip": said.get("zip", "10002"),
        "phone": None,
        "name": f"{first} {last}".strip(),
        "province_code": STATES.get(state, "NY"),
        "country_code": "US",
    }


def _changed(request: Request, step: str, told: str, **changes: Any) -> Response:
    store, kept = shop_of(request), _checkout(request)
    try:
        if "email" in changes and "@" not in changes["email"]:
            raise ShopError("Enter a valid email.")
        after = store.update_checkout(kept["token"], **changes)
    except ShopError as error:
        return _step(request, kept, step, message=error.message, status=error.status)
    later(request, told, {"checkout": after})
    then = STEPS[STEPS.index(step) + 1]
    query = f"&message={quote(after['refused'])}" if after["refused"] else ""
    return RedirectResponse(f"/checkouts/{kept['token']}?step={then}{query}", 303)


async def discount(request: Request) -> Response:
    """POST /checkouts/{token}/discount: a code to try, or `remove`."""
    store, kept, said = shop_of(request), _checkout(request), await request.form()
    step = str(said.get("step", "contact"))
    if said.get("remove"):
        store.remove_code(kept["token"])
    else:
        tried = store.apply_code(kept["token"], str(said.get("code", "")))
        if tried.refused:
            return _step(request, kept, step, message=tried.refused, status=422)
    response = RedirectResponse(f"/checkouts/{kept['token']}?step={step}", 303)
    response.delete_cookie("discount_code")
    return response


async def pay(request: Request) -> Response:
    """POST /checkouts/{token}/pay: every card is good here."""
    store, kept = shop_of(request), _checkout(request)
    first = not kept["order_id"]
    try:
        order = store.complete_checkout(kept["token"])
    except ShopError as error:
        return _step(request, kept, "payment", message=error.message, status=error.status)
    if first:
        later(request, "payment_info_submitted", {"checkout": kept})
        later(request, "checkout_completed", {"order": order})
    response = RedirectResponse(f"/orders/{order['token']}?thanks=1", 303)
    response.delete_cookie("cart")
    response.delete_cookie("discount_code")
    return response


async def recover(request: Request) -> Response:
    """GET /checkouts/ac/{cart}/recover?key=: the abandoned checkout's link."""
    cart = request.path_params["cart"]
    if not secrets.compare_digest(request.query_params.get("key", ""), recover_key(cart)):
        raise ShopError("This link is not valid any more.", 404)
    store = shop_of(request)
    kept = store.recover(cart)
    token = kept["token"]
    if kept["order_id"]:
        return _to_order(request, kept)
    message = ""
    if code := request.query_params.get("discount"):
        message = store.apply_code(token, code).refused or ""
    query = f"?message={quote(message)}" if message else ""
    response = RedirectResponse(f"/checkouts/{token}{query}", 302)
    keep(response, "cart", kept["cart_token"], FORTNIGHT_S)
    return response


async def order(request: Request) -> Response:
    """GET /orders/{token}: the order's status."""
    found = shop_of(request).order(request.path_params["token"])
    if found is None:
        raise ShopError("This order does not exist.", 404)
    thanks = bool(request.query_params.get("thanks"))
    return page(request, "storefront/order.html", page_type="order", order=found, thanks=thanks)


def _checkout(request: Request) -> Document:
    found = shop_of(request).checkout(request.path_params["token"])
    if found is None:
        raise ShopError("This checkout does not exist.", 404)
    return found


def _to_order(request: Request, kept: Document) -> Response:
    found = shop_of(request).order(int(kept["order_id"]))
    assert found
    return RedirectResponse(f"/orders/{found['token']}", 302)


routes = [
    Route("/checkout", start, methods=["GET", "POST"]),
    Route("/checkouts/{token}", show),
    Route("/checkouts/{token}/contact", contact, methods=["POST"]),
    Route("/checkouts/{token}/shipping", shipping, methods=["POST"]),
    Route("/checkouts/{token}/discount", discount, methods=["POST"]),
    Route("/checkouts/{token}/pay", pay, methods=["POST"]),
    Route("/checkouts/ac/{cart}/recover", recover),
    Route("/orders/{token}", order),
]
