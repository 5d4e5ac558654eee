"""Install stores that Shopify does not install by itself: redirect to its grant page, and back.

Its cookie is the only one that we ever set. It authenticates nothing: it ties the answer to the
browser that began.
"""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from admin_ui.kit import links, pages
from plugin import onboard
from plugin.errors import RegularsError
from plugin.settings import get_settings
from plugin.shopify.install import oauth

COOKIE = "regulars_state"
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


async def begin(request: Request) -> Response:
    """GET /auth?shop=…: to Shopify, where the merchant says what we may do."""
    try:
        found = await run_in_threadpool(
            oauth.begin_authorization, request.query_params.multi_items()
        )
    except RegularsError as error:
        return pages.problem(request, error.status, message=error.message)
    answer = RedirectResponse(found.address, 302, HEADERS)
    answer.set_cookie(
        COOKIE, found.cookie, max_age=oauth.STATE_FOR_S, path=links.AUTH,
        secure=get_settings().url.startswith("https://"), httponly=True, samesite="lax",
    )  # fmt: skip
    return answer


async def finish(request: Request) -> Response:
    """GET /auth/callback: install the shop and redirect the merchant to our pages in
    their admin.
    """
    try:
        answer = await run_in_threadpool(_install, request)
    except RegularsError as error:
        return pages.problem(request, error.status, message=error.message)
    answer.delete_cookie(COOKIE, path=links.AUTH)
    return answer


def _install(request: Request) -> Response:
    query = request.query_params.multi_items()
    granted = oauth.finish_authorization(query, request.cookies.get(COOKIE, ""))
    onboard.install_by_code(granted.domain, granted.code)
    return RedirectResponse(links.app(granted.domain), 302, HEADERS)
