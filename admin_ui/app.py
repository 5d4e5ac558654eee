"""The admin's routes: pages, what they post to, and their static files."""

from starlette.routing import BaseRoute, Route

from admin_ui import coupons, forms, oauth
from admin_ui.audience import (
    corrections,
    duplicates,
    exports,
    imports,
    list_members,
    lists,
    memberships,
    profile,
    proof,
    properties,
    tags,
)
from admin_ui.audience import data_request as privacy
from admin_ui.audience import profiles as audience
from admin_ui.flows import pages as flows
from admin_ui.flows import preview
from admin_ui.home import backfill as past
from admin_ui.home import page as home
from admin_ui.kit import links, static
from admin_ui.kit.auth import MAX_FIELDS, PATCH, merchant, nothing_here, patch_id_token
from admin_ui.settings import access_log, consent, metrics, reconciliation, write_backs
from admin_ui.settings import failed_webhooks as quarantine
from admin_ui.settings import general as settings
from plugin.shopify.install.oauth import CALLBACK

FIELDS = {properties.save: properties.MOST_FIELDS}  # of forms with limits of their own


def routes() -> list[BaseRoute]:
    """Everything under which a merchant finds us."""
    pages = [
        ("/", home.show, "GET"),
        ("/past", past.show, "GET"),
        ("/past", home.read_past_again, "POST"),
        ("/audience", audience.show, "GET"),
        ("/audience/duplicates", duplicates.show, "GET"),
        ("/audience/duplicates", duplicates.decide, "POST"),
        ("/audience/export", exports.everybody, "GET"),
        ("/audience/imports", imports.show_all, "GET"),
        ("/audience/imports", imports.arrive, "POST"),
        ("/audience/imports/new", imports.begin, "POST"),
        ("/audience/imports/{import_id}", imports.show, "GET"),
        ("/audience/imports/{import_id}", imports.start, "POST"),
        ("/audience/imports/{import_id}/pieces", imports.receive, "POST"),
        ("/audience/imports/{import_id}/preview", imports.preview, "POST"),
        ("/audience/imports/{import_id}/progress", imports.progress, "GET"),
        ("/audience/imports/{import_id}/flaws", imports.download_flaws, "GET"),
        ("/audience/imports/{import_id}/act", imports.act, "POST"),
        ("/audience/lists", lists.show_all, "GET"),
        ("/audience/lists", lists.create, "POST"),
        ("/audience/lists/{list_id}", list_members.show, "GET"),
        ("/audience/lists/{list_id}/add", list_members.show_people, "GET"),
        ("/audience/lists/{list_id}/add", list_members.add_new, "POST"),
        ("/audience/lists/{list_id}/members/{profile_id}", list_members.change, "POST"),
        ("/audience/lists/{list_id}/export", exports.one_list, "GET"),
        ("/audience/lists/{list_id}/settings", lists.show_settings, "GET"),
        ("/audience/lists/{list_id}/settings", lists.rename, "POST"),
        ("/audience/lists/{list_id}/delete", lists.delete, "POST"),
        ("/audience/lists/{list_id}/restore", lists.restore, "POST"),
        ("/audience/profiles/{profile_id}", profile.show, "GET"),
        ("/audience/profiles/{profile_id}/proof", proof.download, "GET"),
        ("/audience/profiles/{profile_id}/lists", memberships.show, "GET"),
        ("/audience/profiles/{profile_id}/lists", memberships.change, "POST"),
        ("/audience/profiles/{profile_id}/properties", corrections.show, "GET"),
        ("/audience/profiles/{profile_id}/properties", corrections.change, "POST"),
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
        ("/settings/access", access_log.show, "GET"),
        ("/settings/events", metrics.show, "GET"),
        ("/settings/properties", properties.show_all, "GET"),
        ("/settings/properties", properties.create, "POST"),
        ("/settings/properties/{definition_id}", properties.show, "GET"),
        ("/settings/properties/{definition_id}", properties.save, "POST"),
        ("/settings/quarantine", quarantine.show_all, "GET"),
        ("/settings/quarantine/{webhook_id:path}", quarantine.show, "GET"),
        ("/settings/quarantine/{webhook_id:path}", quarantine.try_again, "POST"),
    ]
    return [
        *(
            Route(path, merchant(page, FIELDS.get(page, MAX_FIELDS)), methods=[method])
            for path, page, method in pages
        ),
        Route(PATCH, patch_id_token),
        Route(links.AUTH, oauth.begin, methods=["GET"]),
        Route(CALLBACK, oauth.finish, methods=["GET"]),
        Route("/preview/{key}", preview.mail),
        Route("/static/admin/{digest}/{name}", static.serve),
        Route("/{rest:path}", nothing_here),
    ]
