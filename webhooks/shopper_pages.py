"""Pages for shoppers: what the links in messages lead to. They need no script and no cookie."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from plugin.messages.engagement import RequestOrigin
from plugin.texts import Texts, texts_for
from webhooks.client_ip import address_of

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


_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
    trim_blocks=True,
    lstrip_blocks=True,
)


def not_found_page(request: Request) -> HTMLResponse:
    """The page behind a link that leads nowhere."""
    wanted = request.headers.get("accept-language", "").split(",")
    texts = texts_for(*(tag.split(";")[0].strip() for tag in wanted))
    title = texts.text("This link doesn't work")
    detail = texts.text("It may be incomplete. Please open it from the email again.")
    return draw_page(texts, title, detail, status=HTTPStatus.NOT_FOUND)


def draw_page(
    texts: Texts,
    title: str,
    detail: str,
    button: str = "",
    *,
    act: str = "",
    shop_name: str = "",
    shop_url: str = "",
    preferences_url: str = "",
    status: int = HTTPStatus.OK,
) -> HTMLResponse:
    """A sentence or two, and at most one button."""
    return render_template(
        "shopper.html",
        texts,
        status=status,
        title=title,
        detail=detail,
        button=button,
        act=act,
        shop_name=shop_name,
        shop_url=shop_url,
        preferences_url=preferences_url,
    )


def render_template(
    template: str, texts: Texts, *, status: int = HTTPStatus.OK, **values: object
) -> HTMLResponse:
    """A page of one of the templates, in one language."""
    html = _pages.get_template(template).render(texts=texts, _=texts.text, **values)
    return HTMLResponse(html, status_code=status, headers=PAGE_HEADERS)


async def read_form(request: Request) -> Sequence[tuple[str, str]]:
    """What a form sent, bounded; a name may come more than once."""
    async with request.form(max_files=1, max_fields=60, max_part_size=MAX_FORM_BYTES) as form:
        return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


def request_origin(request: Request) -> RequestOrigin:
    """Who followed a link."""
    return RequestOrigin(address_of(request), request.headers.get("user-agent", ""))
