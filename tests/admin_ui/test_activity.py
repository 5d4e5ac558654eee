"""A profile's last twelve months, by month, and how much of each kind its timeline has."""

import re
from datetime import UTC, datetime

import pytest

from storage import events
from storage.engine import db
from storage.engine.ids import new_id
from storage.profiles import Profile

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DID = {
    "Placed Order": [datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 2, 28, 23, tzinfo=UTC)],
    "Fulfilled Order": [datetime(2026, 11, 2, tzinfo=UTC)],
    "Viewed Product": [datetime(2025, 12, 1, tzinfo=UTC), datetime(2025, 11, 30, 23, tzinfo=UTC)],
    "Added to Cart": [datetime(2025, 12, 31, tzinfo=UTC)],
}


@pytest.fixture
def profile(merchant, shop, monkeypatch) -> str:
    """Return the path of a profile page without any activity."""
    monkeypatch.setattr("plugin.clock.now", lambda: NOW)
    profile_id = new_id()
    with db.transaction() as session:
        session.add(Profile(shop_id=shop.id, id=profile_id, created_at=NOW, last_active_at=NOW))
    return f"/audience/profiles/{profile_id}"


@pytest.fixture
def busy(profile, shop) -> str:
    """The same, after a year and a day."""
    rows = [
        {"shop_id": shop.id, "id": new_id(), "profile_id": int(profile.rpartition("/")[2]),
         "source_profile_id": None, "metric": metric, "unique_id": str(new_id()), "occurred_at": at,
         "value": None, "currency": None, "properties": {}}
        for metric, moments in DID.items() for at in moments
    ]  # fmt: skip
    with db.transaction() as session:
        events.add_events(session, rows)
    return profile


def numbers(page: str) -> dict[str, list[str]]:
    """The table beside the drawing: orders, browsing and messages by month."""
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', page)
    return {month: re.findall(r">(\d+)<", cells) for month, cells in rows}


def test_a_year_is_drawn_by_month_and_what_is_older_only_counted(merchant, busy):
    page = merchant.open(busy).text

    found = numbers(page)
    assert list(found) == [
        "Nov 2026", "Oct 2026", "Sep 2026", "Aug 2026", "Jul 2026", "Jun 2026", "May 2026",
        "Apr 2026", "Mar 2026", "Feb 2026", "Jan 2026", "Dec 2025",
    ]  # fmt: skip
    drawn = {month: counts for month, counts in found.items() if counts != ["0", "0", "0"]}
    assert drawn == {
        "Nov 2026": ["1", "0", "0"], "Feb 2026": ["1", "0", "0"], "Dec 2025": ["0", "2", "0"],
    }  # fmt: skip
    assert "Last on Nov 1, 2026" in page
    assert "Last on Dec 31, 2025" in page


def test_each_filter_of_the_timeline_says_how_much_there_is(merchant, busy):
    page = merchant.open(busy).text

    said = re.findall(r'kind=(\w+)"[^>]*>\w+(?: <span class="count">(\d+)</span>)?</a>', page)
    assert said == [("all", ""), ("orders", "2"), ("browsing", "3"), ("messages", "")]


def test_the_year_reads_in_chinese(merchant, busy):
    page = merchant.open(busy, locale="zh-CN").text

    assert numbers(page)["2025年12月"] == ["0", "2", "0"]
    assert "最近一次：2026年11月1日" in page


def test_nothing_so_far_says_what_will_be_there(merchant, profile):
    page = merchant.open(profile).text

    assert "appear here by month" in page
    assert numbers(page) == {}
