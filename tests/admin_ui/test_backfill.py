"""The card about the import of a shop's past."""

import re
from datetime import timedelta

import pytest

from plugin import clock
from plugin.sync import backfill
from storage import backfills
from storage.engine import db


def change(shop, stage: str, **values: object) -> None:
    with db.transaction() as session:
        for held in backfills.stages_of(session, shop.id):
            if held.stage == stage:
                backfills.save_progress(session, held, **values)


def test_the_card_tells_how_far_it_is_and_asks_again_until_the_end(merchant, shop):
    assert "Importing your store history" not in merchant.open("/").text
    backfill.begin_backfill(shop.id)
    change(
        shop,
        "customers",
        state="reading",
        lines_read=500,
        lines_available=1_000,
        done=500,
        total=1_000,
    )

    page = merchant.open("/").text
    assert "500 of 1,000" in page
    assert 'hx-get="/past"' in page
    (share,) = re.findall(r"([\d.]+)% done", page)
    assert float(share) == pytest.approx(50 / len(backfill.STAGES), abs=0.1)
    assert "导入店铺历史数据" in merchant.open("/", "zh-CN").text

    for stage in backfill.STAGES:
        change(shop, stage, state="done", finished_at=clock.now(), done=1_000, skipped=2)
    part = merchant.fetch("/past").text
    assert "100% done" in part
    assert "2 couldn&#39;t be read" in part
    assert "hx-get" not in part


def test_the_card_goes_a_day_after_the_end_unless_a_part_failed(merchant, shop):
    backfill.begin_backfill(shop.id)
    long_ago = clock.now() - timedelta(days=2)
    for stage in backfill.STAGES:
        change(shop, stage, state="done", finished_at=long_ago)
    assert "Importing your store history" not in merchant.open("/").text

    with db.transaction() as session:
        backfills.delete_backfill(session, shop.id)
    backfill.begin_backfill(shop.id)
    for stage in backfill.STAGES:
        change(shop, stage, state="failed", finished_at=long_ago)
    assert "allow this data to be read" in merchant.open("/").text


def test_a_part_that_failed_is_read_once_more_on_request(merchant, shop, broker):
    backfill.begin_backfill(shop.id)
    for stage in backfill.STAGES:
        change(shop, stage, state="done", finished_at=clock.now())
    again = '<form method="post" action="/past">'
    assert again not in merchant.open("/").text
    with db.transaction() as session:
        backfills.delete_backfill(session, shop.id)
    backfill.begin_backfill(shop.id)
    change(shop, "customers", state="done", finished_at=clock.now(), done=7)
    change(shop, "orders", state="failed", finished_at=clock.now(), attempts=12, error="No.")
    assert again in merchant.open("/").text

    answer = merchant.post("/past")

    assert again not in answer.text
    assert answer.headers["HX-Replace-Url"] == "/"
    assert broker.queues["backfill"].qsize() == 1
    with db.reading() as session:
        stages = {each.stage: each for each in backfills.stages_of(session, shop.id)}
    assert (stages["customers"].state, stages["customers"].done) == ("done", 7)
    orders = stages["orders"]
    assert (orders.state, orders.attempts, orders.error) == ("waiting", 0, "")
    assert orders.due_at <= clock.now()
