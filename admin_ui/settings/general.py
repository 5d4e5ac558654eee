"""Settings: who mail comes from, the admin's language, and how the installation stands."""

from dataclasses import replace

from starlette.responses import Response

from admin_ui.kit import links
from admin_ui.kit.language import LANGUAGES
from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import page
from admin_ui.settings import sender, waiting_mails
from plugin import jobs
from plugin.manifest import load_manifest
from plugin.messages import sender_proofs
from plugin.shopify.install import scopes
from plugin.texts import N_
from plugin.values import parse_email
from storage import failed_webhooks, privacy_requests, reconciliations, shops, write_backs
from storage.engine import db

TITLE = N_("Settings")
MAX_SETTING_CHARS = {"sender_name": 100, "sender_email": 254, "postal_address": 300}


@page("/settings", title=TITLE)
def show(visit: AdminRequest) -> Response:
    """Show the settings."""
    shop = visit.shop
    held = {name: getattr(shop, name) for name in (*MAX_SETTING_CHARS, "language")}
    return _page(visit, held, {})


@page("/settings", title=TITLE, method="POST")
def save(visit: AdminRequest) -> Response:
    """Save the sender and the language."""
    sent = {
        name: " ".join(visit.form.get(name, "").split())[:longest]
        for name, longest in MAX_SETTING_CHARS.items()
    }
    sent["language"] = visit.form.get("language", "")
    errors = _errors(visit, sent)
    if errors:
        return _page(visit, sent, errors, status=422)
    with db.transaction() as session:
        shop = shops.get_shop(session, visit.shop.id)
        assert shop is not None  # the visit's own
        is_other = sent["sender_email"] not in ("", shop.sender_email)
        for name, value in sent.items():
            setattr(shop, name, value)
        session.add(shop)
        if is_other:
            sender_proofs.ask_for_proof(session, shop)
    if is_other:
        jobs.enqueue("senders", shop.id)
    saved = replace(visit, shop=shop)
    return _page(saved, sent, {}, toast=saved.say.text("Saved"))


def _errors(visit: AdminRequest, sent: dict[str, str]) -> dict[str, str]:
    say = visit.say
    errors = {}
    if sent["sender_email"]:
        address = parse_email(sent["sender_email"])
        if address is None:
            errors["sender_email"] = say.text("Enter a valid email, such as hello@example.com.")
        else:
            sent["sender_email"] = address
    if sent["language"] not in ("", *LANGUAGES):
        errors["language"] = say.text("Choose a language.")
    return errors


def _page(
    visit: AdminRequest,
    values: dict[str, str],
    errors: dict[str, str],
    *,
    toast: str = "",
    status: int = 200,
) -> Response:
    shop = visit.shop
    lacking = scopes.missing_scopes(shop)
    with db.inbox_reading() as session:
        quarantined = failed_webhooks.count_quarantined(session, shop.id)
    with db.reading() as session:
        asked = privacy_requests.requests_of(session, shop.id)
        compared = [row.finished_at for row in reconciliations.of_shop(session, shop.id)]
        unwritten, _ = write_backs.failed_write_backs(session, shop.id)
        unsent = waiting_mails.sentences(session, shop.id, visit.say)
    return visit.page(
        "settings/general.html",
        toast=toast,
        status=status,
        values=values,
        errors=errors,
        warnings=[] if errors else sender.warnings(visit),
        limits=MAX_SETTING_CHARS,
        languages=LANGUAGES,
        scopes=[(scope, scope not in lacking) for scope in load_manifest()["scopes"]],
        grant=links.grant(shop) if lacking else "",
        quarantined=quarantined,
        unwritten=unwritten,
        unsent=unsent,
        compared_at=min((at for at in compared if at is not None), default=None),
        asked=asked,
        embed=links.embed(shop),
    )
