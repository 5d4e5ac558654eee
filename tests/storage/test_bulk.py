"""Bulk writes: the same rows as SQLAlchemy's own statements, on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from storage.engine import bulk, db
from storage.profiles import Identity, Profile
from storage.shops import Shop

pytestmark = pytest.mark.usefixtures("database")
AT = datetime(2026, 11, 21, 20, 0, 0, 123, tzinfo=timezone(timedelta(hours=8)))


def profile(shop: Shop, number: int, **fields: Any) -> dict[str, Any]:
    blank = dict.fromkeys(column.name for column in db.table_of(Profile).c)
    own = {"shop_id": shop.id, "id": number, "properties": {"skin": "dry"}, "field_times": {}}
    return blank | own | {"created_at": AT, "last_active_at": AT} | fields


def kept(shop: Shop) -> list[Profile]:
    with db.reading() as session:
        return list(session.exec(select(Profile).where(Profile.shop_id == shop.id)))


def test_rows_come_back_as_they_were_given(shop: Shop) -> None:
    with db.transaction() as session:
        bulk.add_rows(session, Profile, [profile(shop, 1, first_name="米娜"), profile(shop, 2)])

    first, second = sorted(kept(shop), key=lambda row: row.id)
    assert (first.first_name, second.first_name) == ("米娜", None)
    assert first.properties == {"skin": "dry"}
    assert first.created_at == AT
    assert first.created_at.tzinfo == UTC


def test_a_saved_row_replaces_that_row_and_no_other_shops(shop: Shop) -> None:
    other = Shop(id=shop.id + 1, domain="other.myshopify.com", installed_at=AT)
    with db.transaction() as session:
        bulk.add_rows(session, Profile, [profile(other, 1)])
    with db.transaction() as session:
        bulk.add_rows(session, Profile, [profile(shop, 1)])
        bulk.save_rows(session, Profile, [profile(shop, 1, country="JP", properties={})])

    (mine,), (theirs,) = kept(shop), kept(other)
    assert (mine.country, mine.properties) == ("JP", {})
    assert (theirs.country, theirs.properties) == (None, {"skin": "dry"})


def test_what_is_known_is_passed_over_only_when_asked(shop: Shop) -> None:
    row = {
        "shop_id": shop.id,
        "kind": "email",
        "value": "a@example.com",
        "linked_at": AT,
        "claimed_at": None,
        "browser_id": None,
        "is_typed": False,
        "source_profile_id": None,
    }
    with db.transaction() as session:
        bulk.add_rows(session, Identity, [row | {"profile_id": 1}])
        bulk.add_rows(session, Identity, [row | {"profile_id": 2}], unless_known=True)
    with db.reading() as session:
        assert [each.profile_id for each in session.exec(_identities(shop))] == [1]

    with pytest.raises(IntegrityError), db.transaction() as session:
        bulk.add_rows(session, Identity, [row | {"profile_id": 2}])


def _identities(shop: Shop) -> Any:
    return select(Identity).where(Identity.shop_id == shop.id)


def test_a_moment_without_a_zone_is_refused(shop: Shop) -> None:
    with pytest.raises(ValueError, match="zone"), db.transaction() as session:
        bulk.add_rows(session, Profile, [profile(shop, 1, last_active_at=AT.replace(tzinfo=None))])
    assert not kept(shop)


def test_pairs_are_found_whatever_they_are_made_of(shop: Shop) -> None:
    odd = "o'brien\\\"😀@example.com"
    found: dict[str, dict[str, Any]] = {
        value: {"kind": "email", "value": value, "profile_id": 2**62 + place}
        for place, value in enumerate((odd, "b@example.com", "c@example.com"))
    }
    shared = {
        "shop_id": shop.id,
        "linked_at": AT,
        "claimed_at": None,
        "browser_id": None,
        "is_typed": False,
        "source_profile_id": None,
    }
    with db.transaction() as session:
        bulk.add_rows(session, Identity, [row | shared for row in found.values()])

        def those(one: Any, other: Any, pairs: list[Any]) -> set[str]:
            named = bulk.is_among_pairs(col(one), col(other), pairs)
            return set(
                session.exec(select(Identity.value).where(Identity.shop_id == shop.id, named))
            )

        words = [("email", odd), ("email", "b@example.com"), ("phone", "c@example.com")]
        assert those(Identity.kind, Identity.value, words) == {odd, "b@example.com"}
        numbers = [(shop.id, 2**62), (shop.id, 2**62 + 2), (shop.id + 1, 2**62 + 1)]
        assert those(Identity.shop_id, Identity.profile_id, numbers) == {odd, "c@example.com"}
        assert those(Identity.kind, Identity.value, []) == set()
