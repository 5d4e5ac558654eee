"""The admin's routes: what pages declare, and the few ways in that are no merchant's page."""

from starlette.routing import BaseRoute, Route

from admin_ui import coupons, forms, oauth
from admin_ui.analytics import metrics
from admin_ui.audience import (
    corrections,
    data_request,
    duplicates,
    exports,
    memberships,
    profile,
    profiles,
    proof,
    properties,
    tags,
)
from admin_ui.audience.imports import pages as imports
from admin_ui.audience.lists import members as list_members
from admin_ui.audience.lists import pages as lists
from admin_ui.flows import pages, preview
from admin_ui.home import backfill, page
from admin_ui.kit import links, static
from admin_ui.kit.auth import PATCH, merchant, nothing_here, patch_id_token
from admin_ui.kit.routes import pages_of
from admin_ui.settings import (
    access_log,
    consent,
    failed_webhooks,
    general,
    reconciliation,
    sender,
    write_backs,
)
from plugin.shopify.install.oauth import CALLBACK

PAGES = (
    page, backfill,
    profiles, profile, corrections, memberships, tags, proof, duplicates, properties,
    lists, list_members, imports, exports, data_request,
    pages, preview, forms, coupons,
    metrics,
    general, sender, consent, reconciliation, write_backs, access_log, failed_webhooks,
)  # fmt: skip


def routes() -> list[BaseRoute]:
    """Everything under which a merchant finds us."""
    return [
        *(Route(each.path, merchant(each), methods=[each.method]) for each in pages_of(*PAGES)),
        Route(PATCH, patch_id_token),
        Route(links.AUTH, oauth.begin, methods=["GET"]),
        Route(CALLBACK, oauth.finish, methods=["GET"]),
        Route("/preview/{key}", preview.mail),
        Route("/static/admin/{digest}/{name}", static.serve),
        Route("/{rest:path}", nothing_here),
    ]
