"""L27: a browser that sends Global Privacy Control (`Sec-GPC: 1`) is not followed."""

from starlette.applications import Starlette
from starlette.testclient import TestClient

from storage import events
from storage.engine import db
from tests.extensions import conftest
from tests.extensions.test_popup import opened
from tests.rules.test_l23_customer_privacy import known, sign_up
from tests.webhooks.test_pixel import seen
from webhooks.app import routes

chromium, page, storefront = conftest.chromium, conftest.page, conftest.shop


def test_l27_the_pixel_is_answered_and_nothing_is_kept(shop):
    with TestClient(Starlette(routes=routes())) as client:
        assert client.post("/pixel", json=seen(), headers={"Sec-GPC": "1"}).status_code == 204

    with db.reading() as session:
        assert events.latest_events(session, shop.id) == []


def test_l27_the_popup_keeps_the_browser_unknown(page, storefront):
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    known(page, storefront)
    opened(page, storefront)
    sign_up(page)

    assert storefront.posted("submit")[0]["browser_id"] is None
    assert storefront.posted("view") == [{"version": 1, "browser_id": None}]
