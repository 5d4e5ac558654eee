"""The page of coupons: what it refuses, and how amounts are written."""

import pytest

from storage import coupons
from storage.engine import db


@pytest.mark.parametrize(("written", "minor"), [("12,5", 1250), ("12.50", 1250), ("12", 1200)])
def test_an_amount_is_written_with_a_point_or_a_comma(merchant, shop, written, minor):
    merchant.post("/coupons", name="Spring", prefix="SPRING", kind="amount", worth=written)

    with db.reading() as session:
        assert coupons.coupons_of(session, shop.id)[-1].amount == minor


def test_no_two_coupons_have_one_prefix(merchant, shop, filled):
    with db.reading() as session:
        (held,) = coupons.coupons_of(session, shop.id)
    answer = merchant.post(
        "/coupons", name="Second", prefix=held.prefix.lower(), kind="percentage", worth="10"
    )

    assert answer.status_code == 422
    assert "Another coupon uses this prefix." in answer.text
    with db.reading() as session:
        assert [each.id for each in coupons.coupons_of(session, shop.id)] == [held.id]
