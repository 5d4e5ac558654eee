"""Render templates into pages, with the headers that keep them safe."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from babel import Locale, UnknownLocaleError
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from admin_ui.kit import navigation, static
from admin_ui.kit.language import Language, choose, translations
from admin_ui.kit.words import person
from plugin.settings import get_settings

TEMPLATES = Path(__file__).parents[1] / "templates"
LANGUAGE_HEADER = "X-Regulars-Language"  # what the page was drawn in; htmx sends it along
ADMIN = "https://admin.shopify.com"
DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,60}\.myshopify\.com")


@lru_cache
def environment(code: str) -> Environment:
    """The templates in one language."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translations(code), newstyle=True)  # type: ignore[attr-defined]
    made.policies["ext.i18n.trimmed"] = True
    made.globals["static"] = static.address
    made.globals["navigation"] = navigation.GROUPS
    made.filters["name_of_language"] = name_of_language
    return made


def draw(template: str, say: Language, **values: object) -> str:
    """The HTML of a template."""
    settings = get_settings()
    return (
        environment(say.code)
        .get_template(template)
        .render(
            say=say,
            api_key=settings.shopify_client_id,
            app_bridge_url=settings.app_bridge_url,
            name_of=lambda profile: person(profile, say),
            language_name=lambda tag: name_of_language(tag, say),
            **values,
        )
    )


def name_of_language(tag: str, say: Language) -> str:
    """A locale in words: `zh-CN` is `Chinese (China)`; one that Babel does not know, as it is."""
    try:
        return Locale.parse(tag.replace("-", "_")).get_display_name(say.locale) or tag
    except (ValueError, UnknownLocaleError):
        return tag


def bare(
    template: str,
    code: str,
    domain: str = "",
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    **values: object,
) -> HTMLResponse:
    """Render a page without a logged-in merchant, such as an error's."""
    html = draw(template, Language(code), **values)
    return HTMLResponse(html, status, {**safety(domain), **(headers or {})})


def problem(
    request: Request,
    status: int,
    headers: Mapping[str, str] | None = None,
    *,
    message: str = "",
    domain: str = "",
) -> HTMLResponse:
    """The page of an error. Where htmx asked for a part, it takes the whole page's place."""
    code = header_language(request)
    turned = {"HX-Retarget": "body", "HX-Reswap": "innerHTML", "HX-Reselect": "body"}
    domain = domain or domain_in_query(request)
    return bare(
        "kit/problem.html",
        code,
        domain,
        status,
        headers={**turned, **(headers or {})},
        number=status,
        message=message,
    )


def header_language(request: Request) -> str:
    """The language of a request: what the open page is drawn in, Shopify's, the browser's."""
    return choose(
        request.headers.get(LANGUAGE_HEADER, ""),
        request.query_params.get("locale", ""),
        request.headers.get("accept-language", ""),
    )


def domain_in_query(request: Request) -> str:
    """The shop that a document says it is framed by; only good for saying who may frame us."""
    said = request.query_params.get("shop", "")
    return said if DOMAIN.fullmatch(said) else ""


def safety(domain: str) -> dict[str, str]:
    """Return the headers of every document: only this shop's admin may frame it.

    A static `frame-ancestors` fails Shopify's review (shopify.dev: set up iframe protection).
    """
    settings = get_settings()
    bridge = _origin(settings.app_bridge_url)
    rules = {
        "default-src": "'none'",
        "script-src": f"'self' {bridge}",
        "style-src": "'self'",
        "img-src": "'self' data: https:",
        "font-src": "'self'",
        # App Bridge reports web vitals to Shopify.
        "connect-src": f"'self' {bridge} https://monorail-edge.shopifysvc.com",
        "frame-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": ancestors(domain),
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in rules.items()),
        "Link": f"<{settings.app_bridge_url}>; rel=preload; as=script, "
        f"<{static.address('admin.css')}>; rel=preload; as=style",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def ancestors(domain: str) -> str:
    """Who may frame a shop's pages: its admin, Shopify's, and in development the dev store."""
    store = get_settings().shopify_origin.rstrip("/")
    allowed = [f"https://{domain}" if domain else "", ADMIN, store]
    return " ".join(origin for origin in allowed if origin)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
