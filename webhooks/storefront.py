"""/proxy/…: serve the popup through Shopify's app proxy, which signs each request.

The shop is the one that Shopify's signature names, never one that the browser names.
"""

import json

from starlette.concurrency import run_in_threadpool
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from plugin import clock
from plugin.forms import submit as form_submit
from plugin.forms.submit import NoFormError, RequestOrigin
from plugin.ingest import pixel
from plugin.settings import get_settings
from storage import shops
from storage.engine import db
from storage.engine.types import JsonObject
from storage.profiles import IdentityKind
from storage.shops import Shop
from webhooks.client_ip import address_of
from webhooks.rate_limits import allows_hint, allows_sender, allows_submit, too_many
from webhooks.signatures import proxy_params

MAX_BODY_BYTES = 16 * 1024
MAX_CUSTOMER_ID_DIGITS = 18  # digits; more of them are no row's
# Fields of a body that are left out when the browser opts out of tracking.
TRACKING_FIELDS = (IdentityKind.BROWSER, IdentityKind.CART)
FORM_CACHE = "public, max-age=60, stale-while-revalidate=600"


class RowConvertor(IntegerConvertor):
    """An id in a path. What no database can hold is no address of ours."""

    regex = f"[0-9]{{1,{MAX_CUSTOMER_ID_DIGITS}}}"


register_url_convertor("row", RowConvertor())


async def show(request: Request) -> Response:
    """A form's definition in the shopper's language."""
    shop = await _shop(request)
    if shop is None:
        return Response(status_code=401)
    found = await run_in_threadpool(
        _definition, shop.id, request.path_params["form_id"], request.query_params.get("locale", "")
    )
    if found is None:
        return Response(status_code=404)
    return JSONResponse(found, headers={"Cache-Control": FORM_CACHE})


async def view(request: Request) -> Response:
    """A form was seen."""
    shop = await _shop(request)
    if shop is None:
        return Response(status_code=401)
    if not _allows_hint(request, shop):
        return too_many()
    await run_in_threadpool(form_submit.count_view, shop.id, request.path_params["form_id"])
    return Response(status_code=204)


async def identify(request: Request) -> Response:
    """A shopper who is logged in at the storefront is at this browser, by Shopify's own word.

    Only a page of the shop's can send JSON here: elsewhere the browser would ask first.
    """
    shop = await _shop(request)
    if shop is None:
        return Response(status_code=401)
    if not _allows_hint(request, shop):
        return too_many()
    customer_id, body = _logged_in(request), await _json(request)
    browser_id = str((body or {}).get("browser_id") or "")
    said_json = request.headers.get("content-type", "").startswith("application/json")
    if said_json and customer_id and request.headers.get("sec-gpc") != "1":
        await run_in_threadpool(pixel.identify_browser, shop, browser_id, customer_id)
    return Response(status_code=204)


async def submit(request: Request) -> Response:
    """A form was answered: 200, or 422 with a message for each field that will not do."""
    shop = await _shop(request)
    if shop is None:
        return Response(status_code=401)
    address = address_of(request, through_shopify=True)
    if not allows_submit(shop.domain, address):
        return too_many()
    body = await _json(request)
    if body is None:
        return JSONResponse({"errors": {"": "The request is not a JSON object."}}, status_code=422)
    if request.headers.get("sec-gpc") == "1":
        body = {name: value for name, value in body.items() if name not in TRACKING_FIELDS}
    sender = RequestOrigin(
        ip=address,
        user_agent=request.headers.get("user-agent", ""),
        customer_id=_logged_in(request),
    )
    try:
        reply = await run_in_threadpool(
            form_submit.submit_form, shop, request.path_params["form_id"], body, sender
        )
    except NoFormError:
        return Response(status_code=404)
    return JSONResponse(reply, status_code=422 if "errors" in reply else 200)


def routes() -> list[Route]:
    """The routes of the app proxy."""
    return [
        Route("/proxy/identify", identify, methods=["POST"], max_body_size=MAX_BODY_BYTES),
        Route("/proxy/forms/{form_id:row}", show),
        Route(
            "/proxy/forms/{form_id:row}/view", view, methods=["POST"], max_body_size=MAX_BODY_BYTES
        ),
        Route(
            "/proxy/forms/{form_id:row}/submit",
            submit,
            methods=["POST"],
            max_body_size=MAX_BODY_BYTES,
        ),
    ]


def _allows_hint(request: Request, shop: Shop) -> bool:
    sender = address_of(request, through_shopify=True)
    return allows_sender(sender) and allows_hint(shop.domain)


async def _shop(request: Request) -> Shop | None:
    params = _signed(request)
    return await run_in_threadpool(_installed, params["shop"]) if params else None


def _signed(request: Request) -> dict[str, str] | None:
    secrets = [secret.encode() for secret in get_settings().client_secrets()]
    return proxy_params(request.scope["query_string"], secrets, clock.now().timestamp())


def _logged_in(request: Request) -> str:
    """Return the customer who is logged in at the storefront; "" without a login."""
    customer_id = (_signed(request) or {}).get("logged_in_customer_id", "")
    return customer_id if customer_id.isascii() and customer_id.isdigit() else ""


def _installed(domain: str) -> Shop | None:
    with db.reading() as session:
        shop = shops.shop_by_domain(session, domain)
    return shop if shop is not None and shop.uninstalled_at is None else None


def _definition(shop_id: int, form_id: int, locale: str) -> JsonObject | None:
    with db.reading() as session:
        version = form_submit.get_live_form(session, shop_id, form_id)
    return form_submit.definition_for(version, locale) if version else None


async def _json(request: Request) -> JsonObject | None:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
