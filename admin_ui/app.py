"""The admin's routes: pages, what they post to, and their static files."""

from starlette.routing import BaseRoute, Route

from admin_ui import (
    access,
    audience,
    consent,
    coupons,
    duplicates,
    flows,
    forms,
    home,
    links,
    oauth,
    past,
    preview,
    privacy,
    profile,
    proof,
    quarantine,
    reconciliation,
    settings,
    static,
    tags,
    write_backs,
)
from admin_ui.auth import PATCH, merchant, nothing_here, patch_id_token
from plugin.shopify.oauth import CALLBACK


def routes() -> list[BaseRoute]:
    """Everything under which a merchant finds us."""
    pages = [
        ("/", home.show, "GET"),
        ("/past", past.show, "GET"),
        ("/past", home.read_past_again, "POST"),
        ("/audience", audience.show, "GET"),
        ("/audience/duplicates", duplicates.show, "GET"),
        ("/audience/duplicates", duplicates.decide, "POST"),
        ("/audience/lists/{list_id}", audience.show_list, "GET"),
        ("/audience/profiles/{profile_id}", profile.show, "GET"),
        ("/audience/profiles/{profile_id}/proof", proof.download, "GET"),
        ("/audience/profiles/{profile_id}/tags", tags.show, "GET"),
        ("/audience/profiles/{profile_id}/tags", tags.change, "POST"),
        ("/audience/profiles/{profile_id}", profile.undo, "POST"),
        ("/flows", flows.show_all, "GET"),
        ("/flows/{flow_id}", flows.show, "GET"),
        ("/flows/{flow_id}", flows.switch, "POST"),
        ("/flows/{flow_id}/messages/{action_id}", preview.show, "GET"),
        ("/forms", forms.show_all, "GET"),
        ("/forms/{form_id}", forms.show, "GET"),
        ("/forms/{form_id}", forms.switch, "POST"),
        ("/coupons", coupons.show_all, "GET"),
        ("/coupons", coupons.create, "POST"),
        ("/coupons/{coupon_id}", coupons.make_again, "POST"),
        ("/settings", settings.show, "GET"),
        ("/settings", settings.save, "POST"),
        ("/settings/consent", consent.show, "GET"),
        ("/settings/consent", consent.save, "POST"),
        ("/settings/privacy/{request_id}", privacy.download, "GET"),
        ("/settings/write-backs", write_backs.show, "GET"),
        ("/settings/write-backs", write_backs.save, "POST"),
        ("/settings/reconciliation", reconciliation.show, "GET"),
        ("/settings/access", access.show, "GET"),
        ("/settings/quarantine", quarantine.show_all, "GET"),
        ("/settings/quarantine/{webhook_id:path}", quarantine.show, "GET"),
        ("/settings/quarantine/{webhook_id:path}", quarantine.try_again, "POST"),
    ]
    return [
        *(Route(path, merchant(page), methods=[method]) for path, page, method in pages),
        Route(PATCH, patch_id_token),
        Route(links.AUTH, oauth.begin, methods=["GET"]),
        Route(CALLBACK, oauth.finish, methods=["GET"]),
        Route("/preview/{key}", preview.mail),
        Route("/static/admin/{digest}/{name}", static.serve),
        Route("/{rest:path}", nothing_here),
    ]
