"""Access: each page with shoppers' data is written down as it is opened."""

from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import Page
from plugin import clock
from storage import access_log
from storage.engine import db

READ, CHANGE = "read", "change"


def log_access(visit: AdminRequest, page: Page) -> None:
    """Log who opens a page that shows shoppers' data; other pages are not logged."""
    if not page.personal:
        return
    profile_id = visit.number("profile_id") if "profile_id" in visit.request.path_params else None
    act = CHANGE if page.changes else READ
    with db.transaction() as session:
        access_log.add_entry(
            session,
            visit.shop.id,
            clock.now(),
            visit.user_id,
            act=act,
            page=page.name,
            profile_id=profile_id,
        )
