"""Access: each page with shoppers' data is written down as it is opened."""

from admin_ui.kit.request import Visit
from plugin import clock
from storage import access_log
from storage.engine import db

PERSONAL = ("/audience", "/settings/privacy/", "/settings/quarantine/")  # before such pages
HOME = ("/", "/past")  # its feed names shoppers; a second reading of the past answers with it
NAMELESS = ("/pieces", "/progress")  # of a file, again and again: they show nobody
NOBODY = "/audience/lists"  # what the lists are called
READ, CHANGE = "read", "change"


def note(visit: Visit) -> None:
    """Write down who opens a page that shows shoppers' data; other pages are nobody's business."""
    path = visit.request.url.path
    if not is_personal(visit.request.method, path):
        return
    page = page_of(path)
    profile_id = visit.number("profile_id") if "profile_id" in visit.request.path_params else None
    act = CHANGE if visit.request.method == "POST" else READ
    with db.transaction() as session:
        access_log.note(
            session, visit.shop.id, clock.now(), visit.user_id, act, page[:100], profile_id
        )


def is_personal(method: str, path: str) -> bool:
    """Whether what an address answers shows shoppers' data."""
    if path in HOME:
        return path == "/" or method == "POST"
    return path.startswith(PERSONAL) and not path.endswith(NAMELESS) and path != NOBODY


def page_of(path: str) -> str:
    """A page's path without ids: what of a shopper's it shows, not whose."""
    for each in PERSONAL:
        if each.endswith("/") and path.startswith(each):
            return each.strip("/")
    if path in HOME:
        return "home"
    return "/".join(part for part in path.split("/") if part and not part.isdigit())
