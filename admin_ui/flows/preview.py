"""Preview a flow's mail with sample data, in a frame that may run no scripts.

A frame cannot send a Bearer, so its URL is signed: it names one template of one shop for ten
minutes, and shows no customer's data.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from admin_ui.flows import tree
from admin_ui.kit import pages
from admin_ui.kit.pages import name_of_language
from admin_ui.kit.request import AdminRequest, missing
from admin_ui.kit.routes import page
from plugin import clock
from plugin.errors import RegularsError
from plugin.messages import render
from plugin.messages.sender import MailSender, choose_sender
from plugin.texts import N_
from storage import flows, shops
from storage.engine import db, encryption
from storage.templates import get_template, get_template_version

PREVIEW_VALID_FOR = timedelta(minutes=10)
PURPOSE = "admin-preview"
# Mail is styled inline and may show pictures from anywhere; it may run and reach nothing.
RULES = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src * data:; font-src *"


@page("/flows/{flow_id}/messages/{action_id}", title=N_("Preview"))
def show(visit: AdminRequest) -> Response:
    """Show the email of a step; `in` is its language."""
    shop, flow_id = visit.shop, visit.number("flow_id")
    with db.reading() as session:
        flow = flows.get_flow(session, shop.id, flow_id)
        if flow is None:
            raise missing()
        version = flows.get_flow_version(session, shop.id, flow_id, flow.version)
        action_id = visit.request.path_params["action_id"]
        message = tree.mail(version.definition, action_id) if version else None
        template_id = str((message or {}).get("template_id") or "")
        if not message or not template_id.isdigit():
            raise missing()
        template = get_template(session, shop.id, int(template_id))
        if template is None:
            raise missing()
        compiled = get_template_version(session, shop.id, template.id, template.version)
        offered = sorted(compiled.compiled) if compiled else []
        wanted = visit.request.query_params.get("in", "")
        locale = wanted if wanted in offered else (offered or [""])[0]
        seen = render.render_preview(session, shop, template.id, locale)
        sender = choose_sender(session, shop)
    return visit.page(
        "flows/preview.html",
        sender=sender.address if isinstance(sender, MailSender) else "",
        flow=flow,
        name=message.get("name") or template.name,
        subject=seen.subject,
        text=seen.text,
        languages=[
            (f"?{urlencode({'in': each})}", name_of_language(each, visit.say), each == locale, "")
            for each in offered
        ],
        address=f"/preview/{sign(shop.id, template.id, locale, clock.now() + PREVIEW_VALID_FOR)}",
    )


async def mail(request: Request) -> Response:
    """GET /preview/{key}: the HTML of a mail, for the frame."""
    return await run_in_threadpool(_mail, request)


def _mail(request: Request) -> Response:
    opened = unsign(request.path_params["key"])
    if opened is None:
        return pages.problem(request, 404)
    shop_id, template_id, locale = opened
    with db.reading() as session:
        shop = shops.get_shop(session, shop_id)
        if shop is None or shop.uninstalled_at is not None:
            return pages.problem(request, 404)
        try:
            html = render.render_preview(session, shop, template_id, locale).html
        except RegularsError as error:
            return pages.problem(request, error.status, domain=shop.domain)
    headers = pages.safety(shop.domain)
    headers.pop("Link")
    headers["Content-Security-Policy"] = (
        f"{RULES}; frame-ancestors 'self' {pages.ancestors(shop.domain)}"
    )
    return HTMLResponse(html, headers=headers)


def sign(shop_id: int, template_id: int, locale: str, until: datetime) -> str:
    """What names a preview until a moment."""
    said = f"{shop_id}.{template_id}.{int(until.timestamp())}.{locale}"
    return f"{said}.{_seal(said)}"


def unsign(key: str) -> tuple[int, int, str] | None:
    """(shop id, template id, locale), or None when the key is not ours or too old."""
    said, _, seal = key.rpartition(".")
    if not hmac.compare_digest(seal.encode(), _seal(said).encode()):
        return None
    shop_id, template_id, until, locale = said.split(".", 3)
    if int(until) < clock.now().timestamp():
        return None
    return int(shop_id), int(template_id), locale


def _seal(said: str) -> str:
    _, key = encryption.derive_key(PURPOSE)
    digest = hmac.digest(key, said.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
