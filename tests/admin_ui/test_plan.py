"""The plan gate: a merchant without an approved app plan sees its price and where to approve it."""

import pytest

from admin_ui.kit import auth
from plugin import manifest
from storage.engine import db
from storage.shops import get_shop

URL = "https://dewpoint.myshopify.com/admin/charges/1/confirm?a=1&b=2"


@pytest.fixture
def unpaid(monkeypatch):
    monkeypatch.setattr(auth.billing, "approval_url", lambda shop: URL)
    whole = {
        **manifest.load_manifest(),
        "billing": {"name": "Regulars", "price": "29", "currency": "USD", "trial_days": 14},
    }
    monkeypatch.setattr(manifest, "load_manifest", lambda: whole)


def test_a_page_says_what_the_plan_costs_and_leads_out_of_the_frame(merchant, unpaid):
    answer = merchant.open("/audience")

    assert answer.status_code == 402
    assert "Regulars costs $29.00 every 30 days" in answer.text
    assert "The first 14 days are free." in answer.text
    assert f'href="{URL.replace("&", "&amp;")}" target="_top"' in answer.text
    assert (
        "frame-ancestors https://dewpoint.myshopify.com"
        in (answer.headers["Content-Security-Policy"])
    )


def test_nothing_is_done_before_the_plan_is_approved(merchant, shop, unpaid):
    answer = merchant.post("/settings", sender_name="Somebody", language="en")

    assert answer.status_code == 402
    assert answer.headers["HX-Retarget"] == "body"
    with db.reading() as session:
        assert get_shop(session, shop.id).sender_name == "Dewpoint"


def test_the_gate_speaks_chinese(merchant, unpaid):
    assert "随 Shopify 店铺账单收取" in merchant.open("/", locale="zh-CN").text


def test_an_app_without_billing_mentions_no_plan(merchant):
    assert merchant.open("/").status_code == 200


def test_what_the_law_gives_is_given_without_a_plan(merchant, shop, unpaid):
    asked = merchant.open("/audience")
    assert 'data-download="/audience/export?as=csv"' in asked.text

    exported = merchant.fetch("/audience/export?as=csv")

    assert exported.status_code == 200
    assert exported.headers["Content-Disposition"].startswith("attachment")
    assert merchant.fetch("/settings/privacy/1").status_code == 404  # there is none, and no plan
    assert merchant.fetch("/audience/profiles/1/proof").status_code == 404
