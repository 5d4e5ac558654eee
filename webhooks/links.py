"""Links in messages: redirect clicks, serve the pixel of opens, and unsubscribe by one button.

GET and HEAD never unsubscribe: scanners follow every link (RFC 8058, 1).
"""

from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from plugin.messages import engagement, links
from plugin.messages.engagement import RequestOrigin, UnsubscribePage
from plugin.texts import N_, texts_for
from storage.consent_ledger import ConsentSource
from webhooks.shopper_pages import HEADERS, draw_page, not_found_page, read_form, request_origin

TRANSPARENT_PIXEL = bytes.fromhex(  # one transparent pixel, GIF89a
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)

ASK, UNSUBSCRIBE = N_("Unsubscribe from our emails?"), N_("Unsubscribe")
ONE_CLICK = "List-Unsubscribe=One-Click"  # the only words of RFC 8058
SUBSCRIBE_AGAIN = N_("Subscribe again")


def routes() -> list[BaseRoute]:
    """The addresses that stand in messages."""
    return [
        Route("/l/{token}", follow, methods=["GET", "HEAD"]),
        Route("/o/{token}.gif", show_pixel, methods=["GET", "HEAD"]),
        Route("/u/{token}", show_unsubscribe, methods=["GET", "HEAD"]),
        Route("/u/{token}", unsubscribe, methods=["POST"]),
    ]


def follow(request: Request) -> Response:
    """Note the click and lead on."""
    target = links.read_token(links.CLICK, request.path_params["token"])
    counts = request.method == "GET"
    url = (
        None
        if target is None
        else engagement.record_click(target, request_origin(request), counts=counts)
    )
    if url is None:
        return not_found_page(request)
    return RedirectResponse(url, status_code=HTTPStatus.FOUND, headers=HEADERS)


def show_pixel(request: Request) -> Response:
    """Note that the mail was opened."""
    target = links.read_token(links.OPEN, request.path_params["token"])
    if target is None:
        return not_found_page(request)
    if request.method == "GET":
        engagement.record_open(target, request_origin(request))
    return Response(TRANSPARENT_PIXEL, media_type="image/gif", headers=HEADERS)


def show_unsubscribe(request: Request) -> Response:
    """Show the page with the one button; nothing changes."""
    target = links.read_token(links.UNSUBSCRIBE, request.path_params["token"])
    found = None if target is None else engagement.unsubscribe_page(target)
    if target is None or found is None:
        return not_found_page(request)
    return _choice(target, found, changed=False)


async def unsubscribe(request: Request) -> Response:
    """Unsubscribe: by the page's button, or by a mail program's one click (RFC 8058)."""
    target = links.read_token(links.UNSUBSCRIBE, request.path_params["token"])
    if target is None:
        return not_found_page(request)
    form = await _read_button(request)
    found = await run_in_threadpool(_change, target, request_origin(request), form)
    return not_found_page(request) if found is None else _choice(target, found, changed=True)


async def _read_button(request: Request) -> dict[str, str]:
    """Return what a button sent; nothing if the body is damaged, since the link alone is enough."""
    try:
        return dict(await read_form(request))
    except HTTPException:
        return {}


def _change(
    target: links.Target, visitor: RequestOrigin, form: dict[str, str]
) -> UnsubscribePage | None:
    before = engagement.unsubscribe_page(target)
    if before is None:
        return None
    texts = texts_for(before.locale)
    if form.get("do") == "subscribe":
        return engagement.subscribe_again(target, visitor, words=texts.text(SUBSCRIBE_AGAIN))
    if form.get("do") == "unsubscribe":
        source, words = ConsentSource.LINK, f"{texts.text(ASK)} {texts.text(UNSUBSCRIBE)}"
    else:  # a mail program's POST: its body has one value, which some leave out or damage
        source, words = ConsentSource.ONE_CLICK, ONE_CLICK
    return engagement.unsubscribe(target, visitor, source=source, words=words)


def _choice(target: links.Target, found: UnsubscribePage, *, changed: bool) -> HTMLResponse:
    texts = texts_for(found.locale)
    if not found.subscribed:
        title = texts.text("You are unsubscribed")
        detail = texts.text("We won't send you any more news or offers. Sorry to see you go.")
    elif changed:
        title = texts.text("Welcome back")
        detail = texts.text("You are subscribed to our emails again.")
    else:
        title = texts.text(ASK)
        detail = texts.text(
            "You won't get news and offers at this address anymore."
            " We'll still email you about your orders."
        )
    return draw_page(
        texts,
        title,
        detail,
        texts.text(UNSUBSCRIBE if found.subscribed else SUBSCRIBE_AGAIN),
        act="unsubscribe" if found.subscribed else "subscribe",
        shop_name=found.shop_name,
        shop_url=found.shop_url,
        preferences_url=links.preferences_url(target),
    )
