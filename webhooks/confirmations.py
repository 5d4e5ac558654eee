"""What the button of a mail that asks leads to: a page with one more button, which alone acts.

GET and HEAD change nothing: scanners follow every link.
"""

from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from plugin.consent import preferences
from plugin.forms import double_opt_in as confirm
from plugin.messages import confirmations as asking
from plugin.messages import links
from plugin.messages.confirmations import Asked
from storage.confirmations import CONFIRM, COPY
from webhooks.shopper_pages import HEADERS, language, lost, page, visitor


def routes() -> list[BaseRoute]:
    """The address that stands in mails that ask."""
    return [
        Route("/a/{token}", show, methods=["GET", "HEAD"]),
        Route("/a/{token}", grant, methods=["POST"]),
    ]


def show(request: Request) -> Response:
    """Show what is asked, with its button."""
    target = links.read_token(links.ASK, request.path_params["token"])
    asked = None if target is None else asking.look(target)
    if asked is None:
        return lost(request)
    if not asked.is_open:
        return _over(asked)
    say = language(asked.locale)
    texts = {
        CONFIRM: (say.confirm, say.confirm_detail, say.confirm_button),
        COPY: (say.copy, say.copy_detail, say.copy_button),
    }.get(asked.kind, (say.forget, say.forget_detail, say.forget_button))
    return page(say, *texts, asked.kind, shop_name=asked.shop_name, shop_url=asked.shop_url)


async def grant(request: Request) -> Response:
    """Do what was asked, once."""
    target = links.read_token(links.ASK, request.path_params["token"])
    if target is None:
        return lost(request)
    return await run_in_threadpool(_grant, request, target)


def _grant(request: Request, target: links.Target) -> Response:
    asked = asking.look(target)
    if asked is None:
        return lost(request)
    say = language(asked.locale)
    if asked.kind == CONFIRM:
        words = f"{say.confirm} {say.confirm_detail} {say.confirm_button}"
        if confirm.confirm(target, visitor(request), words):
            return _done(asked, say.confirmed, say.confirmed_detail)
    elif asked.kind == COPY:
        if (file := preferences.copy(target)) is not None:
            disposition = 'attachment; filename="my-data.json"'
            headers = {**HEADERS, "Content-Disposition": disposition}
            return Response(file, media_type="application/json", headers=headers)
    elif preferences.forget(target):
        return _done(asked, say.forgotten, say.forgotten_detail)
    return _over(asked)


def _done(asked: Asked, title: str, detail: str) -> HTMLResponse:
    say = language(asked.locale)
    return page(say, title, detail, shop_name=asked.shop_name, shop_url=asked.shop_url)


def _over(asked: Asked) -> HTMLResponse:
    say = language(asked.locale)
    return page(
        say,
        say.over,
        say.over_detail,
        shop_name=asked.shop_name,
        shop_url=asked.shop_url,
        status=HTTPStatus.GONE,
    )
