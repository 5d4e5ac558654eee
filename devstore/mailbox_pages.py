"""Show the mailbox in a browser, newest first; each mail with its parts and unsubscribe link."""

import re
from typing import Any
from urllib.parse import quote

import httpx2
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from devstore.mailbox import Mail, Mailbox
from devstore.pages import render
from devstore.shop.products import ShopError
from devstore.shop.shops import shop_of


async def inbox(request: Request) -> Response:
    """GET /mailbox?to=."""
    mails = _mailbox(request).mails(to=request.query_params.get("to"), limit=200)
    return _page(request, "mailbox/mailbox.html", mails=mails)


async def inbox_json(request: Request) -> Response:
    """GET /mailbox.json?to=: everything a test may ask, and how often mails came in."""
    mailbox = _mailbox(request)
    mails = mailbox.mails(to=request.query_params.get("to"), limit=5_000)
    return JSONResponse(
        {"mails": [_told(each) for each in mails], "receptions": mailbox.receptions()}
    )


async def mail(request: Request) -> Response:
    """GET /mailbox/{id}."""
    found = _mail(request)
    said = request.query_params.get("said")
    return _page(request, "mailbox/mail.html", mail=found, way_out=way_out(found), said=said)


async def body(request: Request) -> Response:
    """GET /mailbox/{id}/html: the HTML part, for the frame that may run nothing."""
    html = _mail(request).part("html") or "<p>No HTML part.</p>"
    # Links open beside the mailbox; the base comes first so that a mail's own cannot undo it.
    policy = "sandbox allow-popups allow-popups-to-escape-sandbox; script-src 'none'"
    return HTMLResponse(
        f'<base target="_blank">{html}', headers={"Content-Security-Policy": policy}
    )


async def unsubscribe(request: Request) -> Response:
    """POST /mailbox/{id}/unsubscribe: RFC 8058, as a mail program's own button does it."""
    found = _mail(request)
    url = way_out(found)
    if url is None:
        raise ShopError("This mail offers no one-click way out.", 422)
    client: httpx2.AsyncClient = request.app.state.client
    try:
        answer = await client.post(url, data={"List-Unsubscribe": "One-Click"})
        said = f"The sender answered {answer.status_code}."
    except httpx2.HTTPError as error:
        said = f"The sender did not answer: {type(error).__name__}."
    return RedirectResponse(f"/mailbox/{found.id}?said={quote(said)}", 303)


async def break_down(request: Request) -> Response:
    """POST /mailbox/fault {kind, times}: what the next mails meet; kind null heals."""
    said = await request.json()
    try:
        _mailbox(request).break_down(said.get("kind"), int(said.get("times", 1)))
    except ValueError as error:
        return JSONResponse({"error": str(error)}, status_code=422)
    return JSONResponse({"ok": True})


async def clear(request: Request) -> Response:
    """POST /mailbox/clear."""
    _mailbox(request).clear()
    return RedirectResponse("/mailbox", 303)


def way_out(mail: Mail) -> str | None:
    """The https or http address of List-Unsubscribe, when the mail promises one click."""
    promised = str(mail.message["List-Unsubscribe-Post"] or "")
    if "List-Unsubscribe=One-Click" not in promised.replace(" ", ""):
        return None
    found = re.search(r"<(https?://[^>]+)>", str(mail.message["List-Unsubscribe"] or ""))
    return found.group(1) if found else None


def _told(mail: Mail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "from": str(mail.message["From"] or mail.sender),
        "to": list(mail.recipients),
        "subject": mail.subject,
        "at": mail.at.isoformat(),
        "headers": [[key, str(value)] for key, value in mail.message.items()],
        "html": mail.part("html"),
        "text": mail.part("plain"),
        "idempotency_key": mail.idempotency_key,
        "unsubscribe": way_out(mail),
    }


def _mailbox(request: Request) -> Mailbox:
    mailbox: Mailbox = request.app.state.mailbox
    return mailbox


def _mail(request: Request) -> Mail:
    found = _mailbox(request).mail(int(request.path_params["id"]))
    if found is None:
        raise ShopError("This mail does not exist.", 404)
    return found


def _page(request: Request, template: str, **known: Any) -> Response:
    store = shop_of(request)
    now = store.now().astimezone(store.zone)
    html = render(template, shop=store, now=now, **{"said": None, **known})
    return HTMLResponse(html, headers={"Cache-Control": "no-store"})


routes = [
    Route("/mailbox", inbox),
    Route("/mailbox.json", inbox_json),
    Route("/mailbox/fault", break_down, methods=["POST"]),
    Route("/mailbox/clear", clear, methods=["POST"]),
    Route("/mailbox/{id:int}", mail),
    Route("/mailbox/{id:int}/html", body),
    Route("/mailbox/{id:int}/unsubscribe", unsubscribe, methods=["POST"]),
]
