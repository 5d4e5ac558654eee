"""Authenticate requests by their session token: an `AdminRequest`, or a refusal.

No cookie authenticates. A document brings its token in the query (`id_token`), everything else as a
Bearer, which App Bridge adds to each fetch; so a POST can come from our own pages only. The shop is
the token's, even if the query names another. (shopify.dev: session tokens, token exchange)
"""

import re
from collections.abc import Callable
from urllib.parse import urlencode

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from admin_ui.kit import access, links, pages, plan
from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import Page
from plugin import onboard
from plugin.errors import RegularsError
from plugin.shopify.api.client import is_valid_query
from plugin.shopify.api.session_token import SessionToken, verify_session_token
from plugin.shopify.install import billing
from plugin.values import without_unstorable
from storage.engine import db
from storage.shops import Shop, shop_by_domain

RETRY = {"X-Shopify-Retry-Invalid-Session-Request": "1"}  # App Bridge then tries a fresh token
PATCH = "/auth/patch-id-token"
# An address of ours. Browsers read `\` as `/` and drop tabs and line breaks: /\t/evil is //evil.
HERE = re.compile(r"/(?!/)[\x21-\x5b\x5d-\x7e]*")

log = structlog.get_logger()


def merchant(page: Page) -> Callable[[Request], object]:
    """The endpoint for a page that only a merchant of an installed shop may see."""

    async def endpoint(request: Request) -> Response:
        token = token_of(request)
        try:
            sender = verify_session_token(token)
        except RegularsError:
            if comes_from_shopify(request) and not await run_in_threadpool(
                onboard.is_installed, request.query_params["shop"]
            ):
                shop = urlencode({"shop": request.query_params["shop"]})
                return RedirectResponse(f"{links.AUTH}?{shop}", status_code=302)
            return refuse(request)
        form: dict[str, str] = {}
        piece = b""
        if request.method == "POST" and is_piece(request):
            piece = await request.body()
        elif request.method == "POST":
            sent = await request.form(max_fields=page.max_fields, max_files=0)
            texts = {key: value for key, value in sent.items() if isinstance(value, str)}
            form = without_unstorable(texts)  # PostgreSQL refuses a NUL in any text
        return await run_in_threadpool(
            _answer, page, request, sender, token, form=form, piece=piece
        )

    endpoint.__name__ = page.answer.__name__
    return endpoint


def is_piece(request: Request) -> bool:
    """Whether the body is a piece of a file rather than a form."""
    return request.headers.get("content-type") == "application/octet-stream"


def token_of(request: Request) -> str:
    """The session token; a fetch never speaks by its address, which may be an old one."""
    if is_fetch(request):
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""
    return request.query_params.get("id_token", "")


def is_fetch(request: Request) -> bool:
    """Return whether a script sent the request, rather than a browser opening a document."""
    return (
        request.method not in ("GET", "HEAD")
        or "authorization" in request.headers
        or "hx-request" in request.headers
    )


def comes_from_shopify(request: Request) -> bool:
    """Whether Shopify sends a merchant here unframed: to a store that is not installed, by an app
    that Shopify does not install by itself."""
    said = request.query_params
    if is_fetch(request) or "id_token" in said or "embedded" in said:
        return False
    return len(said) == len(said.multi_items()) and is_valid_query(dict(said))


def refuse(request: Request) -> Response:
    """To a fetch 401; to a document the page on which App Bridge gets a fresh token."""
    if is_fetch(request):
        return pages.problem(request, 401, RETRY)
    query = [(key, value) for key, value in request.query_params.multi_items() if key != "id_token"]
    back = request.url.path + (f"?{urlencode(query)}" if query else "")
    kept = [pair for pair in query if pair[0] != "shopify-reload"]
    return RedirectResponse(
        f"{PATCH}?{urlencode([*kept, ('shopify-reload', back)])}",
        status_code=302,
        headers=pages.safety(pages.domain_in_query(request)),
    )


async def patch_id_token(request: Request) -> HTMLResponse:
    """Serve the page that only lets App Bridge fetch a fresh token and open `shopify-reload`."""
    back = request.query_params.get("shopify-reload", "")
    if not HERE.fullmatch(back):
        return pages.problem(request, 400)
    domain = pages.domain_in_query(request)
    return pages.bare("kit/patch.html", pages.header_language(request), domain)


async def nothing_here(request: Request) -> HTMLResponse:
    """The page for an address that is none of ours; the admin's frame must be able to show it."""
    return pages.problem(request, 404)


def _answer(
    page: Page,
    request: Request,
    sender: SessionToken,
    token: str,
    *,
    form: dict[str, str],
    piece: bytes,
) -> Response:
    domain = sender.domain
    try:
        shop = _shop(request, domain, token)
        if shop is None:
            return refuse(request)
        visit = AdminRequest(request, shop, page.title, form, sender.user_id, piece)
        if not page.by_law and (url := billing.approval_url(shop)):
            return plan.ask(visit, url)
        answer = page.answer(visit)
        access.log_access(
            visit, page
        )  # before anybody sees it: no page of a shopper's goes out unwritten
        return answer
    except RegularsError as error:
        if error.status == 401:
            return refuse(request)
        log.warning("admin.refused", path=request.url.path, status=error.status)
        return pages.problem(request, error.status, message=error.message, domain=domain)
    except Exception:
        log.exception("admin.failed", path=request.url.path)
        return pages.problem(request, 500, domain=domain)


def _shop(request: Request, domain: str, token: str) -> Shop | None:
    """The installed shop. Only opening the app installs it: a fetch replayed after an uninstall
    finds nothing."""
    if not is_fetch(request):
        onboard.ensure_installed(domain, token)
    with db.reading() as session:
        shop = shop_by_domain(session, domain)
    return shop if shop is not None and shop.uninstalled_at is None else None
