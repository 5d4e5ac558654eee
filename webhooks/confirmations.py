"""The page of a confirmation mail's button: it has one more button, which alone acts.

GET and HEAD change nothing: scanners follow every link.
"""

from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from plugin.consent import preferences
from plugin.forms import double_opt_in
from plugin.messages import confirmations, links
from plugin.messages.confirmations import ConfirmationPage
from plugin.texts import N_, texts_for
from storage.confirmations import ConfirmationKind
from webhooks.shopper_pages import HEADERS, draw_page, not_found_page, request_origin

QUESTIONS = {  # each kind's title, detail and button
    ConfirmationKind.DOUBLE_OPT_IN: (
        N_("Confirm your email address"),
        N_("Confirm to start getting our emails. You can unsubscribe at any time."),
        N_("Yes, subscribe me"),
    ),
    ConfirmationKind.DATA_EXPORT: (
        N_("A copy of your data"),
        N_("One file with everything we store about you. Keep it safe."),
        N_("Download"),
    ),
    ConfirmationKind.REDACT: (
        N_("Delete your data?"),
        N_(
            "Your profile, your activity here and our messages to you will be deleted. This can't"
            " be undone, and we won't contact you again."
        ),
        N_("Delete my data"),
    ),
}


def routes() -> list[BaseRoute]:
    """The address that stands in mails that ask."""
    return [
        Route("/a/{token}", show, methods=["GET", "HEAD"]),
        Route("/a/{token}", confirm, methods=["POST"]),
    ]


def show(request: Request) -> Response:
    """Show what is asked, with its button."""
    target = links.read_token(links.ASK, request.path_params["token"])
    asked = None if target is None else confirmations.confirmation_page(target)
    if asked is None:
        return not_found_page(request)
    if not asked.is_open:
        return _over(asked)
    texts = texts_for(asked.locale)
    title, detail, button = map(texts.text, QUESTIONS[asked.kind])
    return draw_page(
        texts,
        title,
        detail,
        button,
        act=asked.kind,
        shop_name=asked.shop_name,
        shop_url=asked.shop_url,
    )


async def confirm(request: Request) -> Response:
    """Do what was asked, once."""
    target = links.read_token(links.ASK, request.path_params["token"])
    if target is None:
        return not_found_page(request)
    return await run_in_threadpool(_grant, request, target)


def _grant(request: Request, target: links.Target) -> Response:
    asked = confirmations.confirmation_page(target)
    if asked is None:
        return not_found_page(request)
    texts = texts_for(asked.locale)
    if asked.kind == ConfirmationKind.DOUBLE_OPT_IN:
        words = " ".join(map(texts.text, QUESTIONS[ConfirmationKind.DOUBLE_OPT_IN]))
        if double_opt_in.confirm_subscription(target, request_origin(request), words):
            return _done(
                asked,
                texts.text("Thank you, you're subscribed"),
                texts.text("Your email address is confirmed. Our first email is on its way."),
            )
    elif asked.kind == ConfirmationKind.DATA_EXPORT:
        if (file := preferences.request_export(target)) is not None:
            disposition = 'attachment; filename="my-data.json"'
            headers = {**HEADERS, "Content-Disposition": disposition}
            return Response(file, media_type="application/json", headers=headers)
    elif preferences.request_redaction(target):
        return _done(
            asked,
            texts.text("Your data is being deleted"),
            texts.text("This takes about a minute. Thank you for having been with us."),
        )
    return _over(asked)


def _done(
    asked: ConfirmationPage, title: str, detail: str, status: int = HTTPStatus.OK
) -> HTMLResponse:
    return draw_page(
        texts_for(asked.locale),
        title,
        detail,
        shop_name=asked.shop_name,
        shop_url=asked.shop_url,
        status=status,
    )


def _over(asked: ConfirmationPage) -> HTMLResponse:
    texts = texts_for(asked.locale)
    return _done(
        asked,
        texts.text("This link was already used or has expired"),
        texts.text(
            "Links work once, within seven days. You can request a new one where you requested"
            " this one."
        ),
        HTTPStatus.GONE,
    )
