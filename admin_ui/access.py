"""Access: each page with shoppers' data is written down as it is opened; and who opened what."""

from starlette.responses import Response

from admin_ui import cursor, words
from admin_ui.visit import Visit
from plugin import clock
from storage import access_log, db

PAGE = 50
PERSONAL = ("/audience", "/settings/privacy/")  # before the paths of such pages
NAMELESS = ("/pieces", "/progress")  # of a file, again and again: they show nobody
READ, CHANGE = "read", "change"


def note(visit: Visit) -> None:
    """Write down who opens a page that shows shoppers' data; other pages are nobody's business."""
    path = visit.request.url.path
    if not path.startswith(PERSONAL) or path.endswith(NAMELESS):
        return
    parts = [part for part in path.split("/") if part]
    page = "/".join(part for part in parts if not part.isdigit())
    profile_id = visit.number("profile_id") if "profile_id" in visit.request.path_params else None
    act = CHANGE if visit.request.method == "POST" else READ
    with db.transaction() as session:
        access_log.note(
            session, visit.shop.id, clock.now(), visit.user_id, act, page[:100], profile_id
        )


def show(visit: Visit) -> Response:
    """GET /settings/access?before=…"""
    place = cursor.read(visit.request)
    with db.reading() as session:
        found = access_log.page_of(session, visit.shop.id, PAGE + 1, place)
    return visit.page(
        "access.html",
        found=found[:PAGE],
        older=cursor.write(found[PAGE - 1].at, found[PAGE - 1].id) if len(found) > PAGE else "",
        words=words,
    )
