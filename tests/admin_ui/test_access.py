"""The access log: every page that shows a shopper leaves an entry when it is opened."""

from urllib.parse import urlsplit

from starlette.routing import Match, Route

from admin_ui.app import PAGES, routes
from admin_ui.kit.routes import pages_of
from storage import access_log
from storage.engine import db
from tests.admin_ui import sample

NAMES = [said for person in sample.PEOPLE for said in person[:4] if said]


def written_down(shop):
    with db.reading() as session:
        return [(row.action, row.page) for row in access_log.entries_page(session, shop.id, 50)]


def is_written_down(merchant, shop, path):
    """Return whether opening a path adds an entry to the log; a page that adds none names no
    shopper.
    """
    before = len(written_down(shop))
    said = merchant.fetch(path).text
    if len(written_down(shop)) > before:
        return True
    assert (path, [name for name in NAMES if name in said]) == (path, [])
    return False


def leads_to(route, path):
    """Whether a GET of a path is this route's."""
    asked = {"type": "http", "method": "GET", "path": urlsplit(path).path}
    return route.matches(asked)[0] == Match.FULL


def test_l21_each_page_is_logged_or_names_no_shopper(merchant, shop, filled, pages):
    """A new page comes into one of the two by itself: by what it declares, or by what it says."""
    paths = [*pages(), "/past", f"/audience/imports/{filled['read']}/progress"]
    nameless = [path for path in paths if not is_written_down(merchant, shop, path)]
    assert 0 < len(nameless) < len(paths)

    personal = {each.path for each in pages_of(*PAGES) if each.method == "GET" and each.personal}
    asked = [route for route in routes() if isinstance(route, Route) and "GET" in route.methods]
    merchants = [each for each in asked if each.endpoint.__qualname__.startswith("merchant.")]
    assert len(merchants) > 30
    for route in merchants:
        tried = [
            {"type": "http", "method": "GET", "path": urlsplit(path).path} for path in nameless
        ]
        seen = any(route.matches(each)[0] == Match.FULL for each in tried)
        assert seen or route.path in personal, route.path


def test_l21_the_home_page_and_a_body_in_quarantine_are_written_down(merchant, shop, pages):
    (delivery,) = [path for path in pages() if path.startswith("/settings/quarantine/")]
    assert any(name in merchant.fetch("/").text for name in NAMES)
    merchant.fetch("/past")
    merchant.fetch(delivery)
    merchant.fetch("/settings/quarantine")
    merchant.post("/past")

    assert written_down(shop) == [
        ("change", "past"),
        ("read", "settings/quarantine"),
        ("read", "home"),
    ]
    log = merchant.fetch("/settings/access").text
    assert "<td>Home" in log
    assert "<td>Failed webhooks" in log
