"""The page behind the link of a mail to a sender address: its one button says that it is the
shop's.

GET and HEAD change nothing: scanners follow every link.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from plugin.messages import links, sender_proofs
from plugin.messages.sender_proofs import SenderQuestion
from plugin.texts import texts_for
from webhooks.shopper_pages import draw_page, not_found_page


def routes() -> list[BaseRoute]:
    """The address that stands in mails to senders."""
    return [
        Route("/s/{token}", show, methods=["GET", "HEAD"]),
        Route("/s/{token}", confirm, methods=["POST"]),
    ]


def show(request: Request) -> Response:
    """Ask whether the address is the shop's."""
    target = links.read_token(links.SENDER, request.path_params["token"])
    asked = None if target is None else sender_proofs.sender_question(target)
    if asked is None:
        return not_found_page(request)
    if not asked.is_open:
        return _over(asked)
    texts = texts_for(asked.locale)
    detail = texts.text(
        "%(shop)s (%(domain)s) wants to send its emails from this address, %(address)s.",
        shop=asked.shop_name, domain=asked.domain, address=asked.address,
    )  # fmt: skip
    title = texts.text("Is this your store?")
    return draw_page(texts, title, detail, texts.text("Yes, this is our address"), act="sender")


def confirm(request: Request) -> Response:
    """Let the address count, once."""
    target = links.read_token(links.SENDER, request.path_params["token"])
    asked = None if target is None else sender_proofs.sender_question(target)
    if target is None or asked is None:
        return not_found_page(request)
    if not asked.is_open or not sender_proofs.confirm_sender(target):
        return _over(asked)
    texts = texts_for(asked.locale)
    detail = texts.text("From now on your store's emails come from %(address)s.",
                        address=asked.address)  # fmt: skip
    return draw_page(texts, texts.text("Thank you, the address is confirmed"), detail)


def _over(asked: SenderQuestion) -> HTMLResponse:
    texts = texts_for(asked.locale)
    return draw_page(
        texts,
        texts.text("This link was already used or has expired"),
        texts.text("You can request a new one in the app's settings."),
        status=HTTPStatus.GONE,
    )
