"""The settings show what shoppers asked for, and hand the merchant their files."""

import pytest

from plugin import clock
from plugin.facts import Facts, IdentityKey, PrivacyFact, ProfileFact
from plugin.ingest.digest import apply_facts
from plugin.privacy import requests
from plugin.sheets.cells import BYTE_ORDER_MARK
from storage import consent, privacy_requests, search
from storage.engine import db
from storage.privacy_requests import PrivacyTopic

KEYS = (IdentityKey("customer_id", "7001002003"), IdentityKey("email", "maya@example.com"))


@pytest.fixture
def asked(merchant, shop):
    """Return the id of a shopper's data request."""
    at = clock.now()
    apply_facts(shop, Facts(profiles=[ProfileFact(KEYS, at, {"first_name": "Maya"})]))
    apply_facts(
        shop, Facts(privacy_requests=[PrivacyFact(PrivacyTopic.DATA_REQUEST, at, "1", KEYS)])
    )
    with db.reading() as session:
        (request,) = privacy_requests.requests_of(session, shop.id)
    return request.id


def test_a_page_without_data_requests_says_so(merchant):
    assert "No requests yet." in merchant.open("/settings").text


def test_the_merchant_downloads_the_copy(merchant, shop, asked):
    assert "In progress" in merchant.open("/settings").text
    assert merchant.fetch(f"/settings/privacy/{asked}").status_code == 404

    requests.run_requests(shop.id, [asked])

    page = merchant.open("/settings").text
    assert f'data-download="/settings/privacy/{asked}"' in page
    assert "maya" not in page.lower()
    file = merchant.fetch(f"/settings/privacy/{asked}")
    assert file.headers["content-disposition"].startswith('attachment; filename="privacy-request-')
    assert file.json()["tables"]["profile"][0]["first_name"] == "Maya"
    assert "数据副本" in merchant.open("/settings", locale="zh-CN").text


def test_only_this_shops_merchant_gets_it(merchant, other, shop, asked):
    requests.run_requests(shop.id, [asked])

    assert other.fetch(f"/settings/privacy/{asked}").status_code == 404
    stranger = other.client.get(f"/settings/privacy/{asked}", follow_redirects=False)
    assert stranger.status_code == 302


def test_the_file_goes_after_thirty_days_or_with_the_shopper(merchant, shop, asked, monkeypatch):
    requests.run_requests(shop.id, [asked])
    apply_facts(
        shop, Facts(privacy_requests=[PrivacyFact(PrivacyTopic.REDACT, clock.now(), "2", KEYS)])
    )
    assert merchant.fetch(f"/settings/privacy/{asked}").status_code == 404
    assert "File deleted" in merchant.open("/settings").text


def test_the_file_expires(merchant, shop, asked, monkeypatch):
    requests.run_requests(shop.id, [asked])
    later = clock.now() + requests.EXPORT_KEPT_FOR
    monkeypatch.setattr(clock, "now", lambda: later)

    requests.expire_exports()

    assert merchant.fetch(f"/settings/privacy/{asked}").status_code == 404


def test_the_merchant_downloads_the_proof_of_a_consent(merchant, other, shop):
    at = clock.now()
    apply_facts(shop, Facts(profiles=[ProfileFact(KEYS, at, {"email": "maya@example.com"})]))
    row = {
        "shop_id": shop.id, "id": 1, "dedupe_key": "1", "channel": "email",
        "address": "maya@example.com", "state": "subscribed", "occurred_at": at,
        "recorded_at": at, "source": "form",
    }  # fmt: skip
    with db.transaction() as session:
        consent.record_consent(session, [row])
        (profile,) = search.search_profiles(session, shop.id, "maya", limit=2)
    page = f"/audience/profiles/{profile.id}"
    path = f"{page}/proof"

    assert f'data-download="{path}?as=csv"' in merchant.open(page).text
    file = merchant.fetch(path)
    assert file.headers["content-disposition"].startswith('attachment; filename="consent-proof-')
    assert file.json()["holds"]
    table = merchant.fetch(f"{path}?as=csv").text
    assert table.startswith(f"{BYTE_ORDER_MARK}shop_id,id,position,hash,")
    assert other.fetch(path).status_code == 404
