"""Of a storefront's thing the newest version is kept, and who told it learns whether it was."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from storage.checkouts import Checkout, CheckoutRow
from storage.engine import db
from storage.engine.upsert import save_newest
from storage.inventory import InventoryLevel
from storage.shops import Shop

AT = datetime(2026, 11, 21, 12, 0, 0, 123_456, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
KYIV = timezone(timedelta(hours=2))

pytestmark = pytest.mark.usefixtures("database")


def checkout(shop: Shop, token: str, total: int, **changes: object) -> CheckoutRow:
    row = {
        "shop_id": shop.id, "token": token, "profile_id": 1, "source_profile_id": None,
        "started_at": AT, "updated_at": AT, "reported_at": AT, "completed_at": None,
        "total": total, "currency": "EUR", "url": "", "lines": [],
    }  # fmt: skip
    return row | changes  # type: ignore[return-value]  # `changes` are any of its columns


def save(*rows: CheckoutRow) -> list[str]:
    with db.transaction() as session:
        return sorted(save_newest(session, Checkout, rows, keep=("started_at",)))


def kept(shop: Shop, token: str = "a") -> tuple[int, datetime]:
    with db.reading() as session:
        found = session.get_one(Checkout, (shop.id, token))
    return found.total, found.started_at


def test_the_version_that_was_reported_last_stands_to_the_microsecond(shop: Shop) -> None:
    assert save(checkout(shop, "a", 1)) == ["a"]
    assert save(checkout(shop, "a", 2, reported_at=AT + MICROSECOND)) == ["a"]
    assert save(checkout(shop, "a", 3)) == []
    assert save(checkout(shop, "a", 4, updated_at=AT - MICROSECOND, reported_at=AT)) == []

    assert kept(shop)[0] == 2


def test_the_same_version_may_be_told_again_by_the_clock_of_another_zone(shop: Shop) -> None:
    later = AT + timedelta(hours=1)
    save(checkout(shop, "a", 1))

    again = checkout(shop, "a", 2, updated_at=AT.astimezone(KYIV), started_at=later)

    assert save(again) == ["a"]
    assert kept(shop) == (2, AT), "what is kept stays as it was told first"


def test_of_several_versions_in_a_batch_one_is_written(shop: Shop) -> None:
    save(checkout(shop, "b", 9, updated_at=AT + timedelta(days=1)))

    written = save(
        checkout(shop, "a", 2, updated_at=AT + MICROSECOND),
        checkout(shop, "a", 1),
        checkout(shop, "b", 1),
        checkout(shop, "b", 2),
    )

    assert written == ["a"]
    assert (kept(shop)[0], kept(shop, "b")[0]) == (2, 9)


def test_a_thing_with_three_keys_is_known_by_all_of_them(shop: Shop) -> None:
    rows = [
        {"shop_id": shop.id, "item_id": 1, "location_id": place, "available": place,
         "updated_at": AT + place * MICROSECOND, "reported_at": AT}
        for place in (1, 2)
    ]  # fmt: skip
    with db.transaction() as session:
        save_newest(session, InventoryLevel, rows[1:])
        older = rows[1] | {"updated_at": AT, "available": 0}
        assert save_newest(session, InventoryLevel, [rows[0], older]) == [1]
