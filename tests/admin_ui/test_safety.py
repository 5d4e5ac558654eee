"""What no page may do: be framed by strangers, run what a shopper typed."""

import re

import pytest

from plugin.settings import get_settings
from storage import arrivals, flows, forms, inbox_claims
from storage.arrivals import NewDelivery
from storage.engine import db
from storage.engine.ids import new_id
from storage.inbox import DeliveryState
from storage.lists import List
from storage.profiles import Profile
from storage.shops import get_shop
from tests.conftest import NOW

EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}"


def rules(answer):
    pairs = [rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; ")]
    return dict(pairs)


def test_the_dev_store_may_frame_us_only_where_it_is_set(merchant, monkeypatch):
    monkeypatch.setenv("REGULARS_SHOPIFY_ORIGIN", "http://127.0.0.1:8001")
    get_settings.cache_clear()

    assert rules(merchant.open("/"))["frame-ancestors"].endswith(" http://127.0.0.1:8001")


def test_no_page_needs_an_inline_script_or_style(merchant, pages):
    for path in pages():
        html = merchant.open(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", html), path
        assert not re.search(r"\son\w+=", html), path
        assert not re.search(r"\sstyle=", html), path
        assert "<style" not in html, path


def test_app_bridge_is_the_first_script_and_announced_ahead(merchant):
    answer = merchant.open("/")

    assert re.search(r"<script src=\"([^\"]+)\"", answer.text)[1].endswith("app-bridge.js")
    assert "app-bridge.js>; rel=preload; as=script" in answer.headers["Link"]
    assert '<meta name="shopify-api-key" content="test-client-id">' in answer.text


def test_s17_what_people_type_stays_text(merchant, shop, filled):
    with db.transaction() as session:
        named = get_shop(session, shop.id)
        named.name = named.sender_name = named.postal_address = EVIL
        session.add(named)
        flow = flows.get_flow(session, shop.id, filled["Welcome"])
        flow.name = EVIL
        session.add(flow)
        form = forms.get_form(session, shop.id, filled["form"])
        form.name = EVIL
        session.add(form)
        session.add(List(shop_id=shop.id, id=new_id(), name=EVIL, created_at=NOW))
        evil = Profile(
            shop_id=shop.id, id=new_id(), first_name=EVIL, last_name=EVIL, email=EVIL, country=EVIL,
            locale=EVIL, properties={EVIL: [EVIL], "skin_need": EVIL}, created_at=NOW,
            last_active_at=NOW,
        )  # fmt: skip
        session.add(evil)
    arrivals.add_deliveries([NewDelivery(shop.id, EVIL, EVIL, "", "", NOW, EVIL.encode())])
    with db.inbox_transaction() as session:
        inbox_claims.settle_deliveries(
            session, shop.id, [EVIL], DeliveryState.QUARANTINED, error=EVIL
        )

    for path in (
        "/", "/audience", f"/audience/profiles/{evil.id}", "/flows", f"/flows/{filled['Welcome']}",
        f"/flows/{filled['Welcome']}/messages/1", "/forms", f"/forms/{filled['form']}",
        "/settings", "/settings/quarantine",
    ):  # fmt: skip
        answer = merchant.open(path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text, path
        assert "<img src=x" not in answer.text, path
    for answer in (merchant.fetch("/audience", params={"q": EVIL}), merchant.open("/", EVIL)):
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize("odd", ["0", "-1", "abc", "٣", "9" * 30, "1.5", "%00", "1'--"])
def test_odd_ids_are_pages_that_do_not_exist(merchant, odd):
    for path in ("/flows", "/forms", "/audience/profiles", "/audience/lists"):
        assert merchant.fetch(f"{path}/{odd}").status_code == 404


@pytest.mark.parametrize("place", ["", "x", "1-", "-1-2", "9" * 18 + "-1", "1-1-1"])
def test_odd_places_in_a_list_are_its_beginning(merchant, filled, place):
    answer = merchant.fetch("/audience", params={"before": place})

    assert answer.status_code == 200
