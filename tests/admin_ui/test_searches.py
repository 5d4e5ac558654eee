"""Searches name shoppers, so they stand in no address, and are logged as reading."""

from datetime import timedelta

from admin_ui.kit import searches
from plugin import clock
from storage import access_log
from storage.engine import db


def test_what_a_merchant_looks_for_stands_in_no_address(merchant, shop, filled, monkeypatch):
    found = merchant.post("/audience/search", q="lena")
    address = found.headers["HX-Replace-Url"]

    assert "lena" not in address.lower()
    assert "Lena Brandt" in merchant.fetch(address).text  # a reload, and the way back
    assert 'value="lena"' in merchant.fetch(address).text
    assert "Maya" in merchant.fetch("/audience?q=lena").text  # a search by its address is none
    assert 'hx-get="/audience/search' not in found.text

    later = clock.now() + searches.VALID_FOR + timedelta(seconds=1)
    monkeypatch.setattr(searches.clock, "now", lambda: later)
    assert 'value=""' in merchant.fetch(address).text


def test_a_search_is_no_other_shops_and_is_read_not_change(merchant, shop, filled, other):
    address = merchant.post("/audience/search", q="lena").headers["HX-Replace-Url"]

    assert 'value="lena"' not in other.fetch(address).text
    with db.reading() as session:
        entries = access_log.entries_page(session, shop.id, 5)
    assert ("audience/search", "read") in {(each.page, each.action) for each in entries}
