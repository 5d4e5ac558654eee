"""Links in messages: clicks lead on, opened mails show a dot, and one button is the way out.

GET and HEAD never unsubscribe: scanners follow every link (RFC 8058, 1).
"""

from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from plugin.messages import links, receipts
from plugin.messages.receipts import LINK, ONE_CLICK, Visitor, WayOut
from webhooks.address import address_of

DOT = bytes.fromhex(  # one transparent pixel, GIF89a
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
MAX_FORM_BYTES = 4_096
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
PAGE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
        " frame-ancestors 'none'; base-uri 'none'"
    ),
}


@dataclass(frozen=True)
class Words:
    """The pages' texts in one language."""

    locale: str
    ask: str
    ask_detail: str
    ask_button: str
    done: str
    done_detail: str
    again_button: str
    back: str
    back_detail: str
    gone: str
    gone_detail: str
    home: str
    direction: str = "ltr"


ENGLISH = Words(
    locale="en",
    ask="Unsubscribe from our emails?",
    ask_detail="You will no longer get news and offers at this address."
    " We still write about your orders.",
    ask_button="Unsubscribe",
    done="You are unsubscribed",
    done_detail="We will not send you any more news or offers. Sorry to see you go.",
    again_button="Subscribe again",
    back="Good to have you back",
    back_detail="You are subscribed to our emails again.",
    gone="This link leads nowhere",
    gone_detail="Perhaps it was cut off on its way. Please open it from the email once more.",
    home="Visit the shop",
)
CHINESE = Words(
    locale="zh-CN",
    ask="要退订我们的邮件吗？",
    ask_detail="退订后，此邮箱将不再收到新品与优惠邮件；与订单有关的通知仍会照常发送。",
    ask_button="退订",
    done="已为您退订",
    done_detail="我们不会再向您发送新品或优惠邮件。期待日后再见。",
    again_button="重新订阅",
    back="欢迎回来",
    back_detail="您已重新订阅我们的邮件。",
    gone="此链接无效",
    gone_detail="链接可能不完整，请从邮件中重新打开。",
    home="前往商店",
)

_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
    trim_blocks=True,
    lstrip_blocks=True,
)


def routes() -> list[BaseRoute]:
    """The addresses that stand in messages."""
    return [
        Route("/l/{token}", follow, methods=["GET", "HEAD"]),
        Route("/o/{token}.gif", show_dot, methods=["GET", "HEAD"]),
        Route("/u/{token}", ask, methods=["GET", "HEAD"]),
        Route("/u/{token}", leave, methods=["POST"]),
    ]


def follow(request: Request) -> Response:
    """Note the click and lead on."""
    target = links.read_token(links.CLICK, request.path_params["token"])
    counts = request.method == "GET"
    url = None if target is None else receipts.click(target, _visitor(request), counts=counts)
    if url is None:
        return _lost(request)
    return RedirectResponse(url, status_code=HTTPStatus.FOUND, headers=HEADERS)


def show_dot(request: Request) -> Response:
    """Note that the mail was opened."""
    target = links.read_token(links.OPEN, request.path_params["token"])
    if target is None:
        return _lost(request)
    if request.method == "GET":
        receipts.opened(target, _visitor(request))
    return Response(DOT, media_type="image/gif", headers=HEADERS)


def ask(request: Request) -> Response:
    """Show the page with the one button; nothing changes."""
    target = links.read_token(links.UNSUBSCRIBE, request.path_params["token"])
    found = None if target is None else receipts.way_out(target)
    return _lost(request) if found is None else _choice(found, changed=False)


async def leave(request: Request) -> Response:
    """Unsubscribe: by the page's button, or by a mail program's one click (RFC 8058)."""
    target = links.read_token(links.UNSUBSCRIBE, request.path_params["token"])
    if target is None:
        return _lost(request)
    async with request.form(max_files=1, max_fields=5, max_part_size=MAX_FORM_BYTES) as form:
        said = {name: value for name, value in form.items() if isinstance(value, str)}
    found = await run_in_threadpool(_change, target, _visitor(request), said)
    return _lost(request) if found is None else _choice(found, changed=True)


def _change(target: links.Target, visitor: Visitor, said: dict[str, str]) -> WayOut | None:
    before = receipts.way_out(target)
    if before is None:
        return None
    say = _language(before.locale)
    if said.get("do") == "subscribe":
        return receipts.subscribe_again(target, visitor, words=say.again_button)
    one_click = said.get("List-Unsubscribe") == "One-Click"
    return receipts.unsubscribe(
        target,
        visitor,
        source=ONE_CLICK if one_click else LINK,
        words="List-Unsubscribe=One-Click" if one_click else f"{say.ask} {say.ask_button}",
    )


def _choice(found: WayOut, *, changed: bool) -> HTMLResponse:
    say = _language(found.locale)
    if not found.subscribed:
        page = (say.done, say.done_detail, say.again_button, "subscribe")
    elif changed:
        page = (say.back, say.back_detail, say.ask_button, "unsubscribe")
    else:
        page = (say.ask, say.ask_detail, say.ask_button, "unsubscribe")
    return _page(say, *page, shop_name=found.shop_name, shop_url=found.shop_url)


def _lost(request: Request) -> HTMLResponse:
    say = _language(request.headers.get("accept-language", ""))
    return _page(say, say.gone, say.gone_detail, status=HTTPStatus.NOT_FOUND)


def _page(
    say: Words,
    title: str,
    detail: str,
    button: str = "",
    act: str = "",
    *,
    shop_name: str = "",
    shop_url: str = "",
    status: int = HTTPStatus.OK,
) -> HTMLResponse:
    html = _pages.get_template("shopper.html").render(
        say=say,
        title=title,
        detail=detail,
        button=button,
        act=act,
        shop_name=shop_name,
        shop_url=shop_url,
    )
    return HTMLResponse(html, status_code=status, headers=PAGE_HEADERS)


def _language(locale: str) -> Words:
    return CHINESE if locale.lower().startswith("zh") else ENGLISH


def _visitor(request: Request) -> Visitor:
    return Visitor(address_of(request), request.headers.get("user-agent", ""))
