"""Visits: any order of a pixel's batches, each event once, ends in the same rows."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.ingest.visits import VISIT_GAP, PageView, merge_visits

BEGAN = datetime(2026, 11, 21, 9, tzinfo=UTC)
SOURCES = ({}, {}, {"utm_source": "instagram"}, {"referrer_host": "google.com"})

acts = st.builds(
    lambda browser, minutes, page, url, source: PageView(
        browser, BEGAN + timedelta(minutes=minutes), page, url, "phone", source
    ),
    st.sampled_from("ab"),
    st.integers(0, 300),
    st.booleans(),
    st.sampled_from(("http://s/", "http://s/products/balm")),
    st.sampled_from(SOURCES),
)


def shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = [{name: value for name, value in row.items() if name != "id"} for row in rows]
    return sorted(kept, key=lambda row: (row["browser_id"], row["started_at"]))


@settings(max_examples=1_000, deadline=None)
@given(
    told=st.lists(acts, min_size=1, max_size=12),
    order=st.randoms(use_true_random=False),
    sizes=st.lists(st.integers(1, 4)),
)
def test_any_order_and_any_batches_give_the_same_visits(told, order, sizes):
    mixed = told[:]
    order.shuffle(mixed)
    rows: list[dict[str, Any]] = []
    while mixed:
        size = sizes.pop() if sizes else 3
        rows, mixed = merge_visits(rows, mixed[:size]), mixed[size:]

    assert shown(rows) == shown(merge_visits([], told))
    for browser in "ab":
        mine = [row for row in shown(rows) if row["browser_id"] == browser]
        for before, after in pairwise(mine):
            assert after["started_at"] - before["last_seen_at"] > VISIT_GAP
    assert sum(row["pages"] for row in rows) == sum(act.page for act in told)
