"""The access log: who opened which page with shoppers' data, the last first."""

from starlette.responses import Response

from admin_ui.kit import words
from admin_ui.kit.pagination import paginate
from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import page, titles_by_name
from plugin.texts import N_
from storage import access_log, profiles
from storage.engine import db

PAGE = 50


@page("/settings/access", title=N_("Access log"), personal=True)
def show(visit: AdminRequest) -> Response:
    """Show a page of the log, from `before` on."""
    with db.reading() as session:
        found = paginate(
            visit.request,
            PAGE,
            lambda limit, before: access_log.entries_page(session, visit.shop.id, limit, before),
            lambda row: (row.at, row.id),
        )
        ids = [row.profile_id for row in found.rows if row.profile_id]
        people = profiles.profiles_by_id(session, visit.shop.id, ids)
    return visit.page(
        "settings/access_log.html",
        found=found.rows,
        older=found.older,
        titles=titles_by_name(),
        people={each: words.person(profile, visit.say) for each, profile in people.items()},
    )
