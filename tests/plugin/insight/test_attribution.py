"""What a message earns: by clicks and codes, before and after a merge."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete
from sqlmodel import col

from plugin.facts import IdentityKey, ProfileFact
from plugin.ingest.digest import apply_facts
from plugin.profiles import merge
from plugin.profiles.identity import resolve_profiles
from plugin.shopify.normalise import orders
from storage import attributions, coupons, merges
from storage.coupons import CouponCode
from storage.engine import db
from storage.engine.ids import new_id
from storage.messages import Message, add_messages
from storage.shops import Shop

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
BUYER, CLICKER = IdentityKey("customer_id", "7"), IdentityKey("email", "maya@example.com")
FLOW = 3


def know(shop: Shop, *keys: IdentityKey) -> int:
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        (found,) = resolve_profiles(session, shop.id, [ProfileFact(keys, AT)], AT)
    assert found is not None
    return found.profile_id


def send(shop: Shop, profile_id: int, *, clicked_at: datetime | None = None) -> str:
    """Send a flow's mail; its key."""
    key = f"mail:{new_id()}"
    row: Any = {
        "shop_id": shop.id, "id": new_id(), "idempotency_key": key, "profile_id": profile_id,
        "channel": "email", "template_id": 1, "flow_id": FLOW, "action_id": "1", "due_at": AT,
        "created_at": AT, "clicked_at": clicked_at,
    }  # fmt: skip
    with db.transaction() as session:
        add_messages(session, [row])
    return key


def order(shop: Shop, number: int = 5, **changes: Any) -> None:
    body = {
        "id": number, "created_at": AT.isoformat(), "updated_at": AT.isoformat(),
        "total_price": "40.00", "customer": {"id": 7}, "line_items": [],
    } | changes  # fmt: skip
    apply_facts(shop, orders.normalise("orders/updated", body, "USD"))


def earned(shop: Shop) -> tuple[int, int]:
    with db.reading() as session:
        found = attributions.earned_by_action(session, shop.id, FLOW)
    return found.get("1", (0, 0))


def give(shop: Shop, code: str, key: str | None) -> None:
    with db.transaction() as session:
        session.add(
            CouponCode(shop_id=shop.id, code=code, coupon_id=1, message_key=key, given_at=AT)
        )


def test_a_merge_credits_orders_anew_and_undone_takes_that_back(database, shop):
    buyer, clicker = know(shop, BUYER), know(shop, CLICKER)
    send(shop, clicker, clicked_at=AT - timedelta(hours=2))
    order(shop)
    assert earned(shop) == (0, 0)

    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        kept = merge.merge_profiles(session, shop.id, buyer, clicker, by="42", now=AT)
    assert earned(shop) == (1, 4000)

    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        (made,) = merges.merges_of(session, shop.id, kept, 10)
        assert merge.undo_merge(session, shop.id, made.id, "42", now=AT)
    assert earned(shop) == (0, 0)


def test_a_webhook_that_joins_clicker_and_buyer_credits_the_order_too(database, shop):
    send(shop, know(shop, CLICKER), clicked_at=AT - timedelta(hours=2))
    order(shop)
    know(shop, BUYER, CLICKER)

    assert earned(shop) == (1, 4000)


def test_what_an_erased_message_earned_stays_through_a_merge(database, shop):
    buyer, other = know(shop, BUYER), know(shop, CLICKER)
    send(shop, buyer, clicked_at=AT - timedelta(hours=2))
    order(shop)
    with db.transaction() as session:
        session.connection().execute(delete(Message).where(col(Message.shop_id) == shop.id))

    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        merge.merge_profiles(session, shop.id, buyer, other, by="42", now=AT)
    assert earned(shop) == (1, 4000)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (1, 4000)),
        ({"source_name": "subscription_contract"}, (0, 0)),
        ({"source_name": "subscription_contract_checkout_one"}, (0, 0)),
        ({"cancelled_at": AT.isoformat()}, (0, 0)),
        ({"test": True}, (0, 0)),
        ({"current_total_price": "25.00"}, (1, 2500)),
        ({"processed_at": "2025-03-05T09:00:00Z"}, (0, 0)),
        ({"current_total_price": "0.00"}, (1, 0)),
    ],
)
def test_a_click_earns_what_is_left_of_an_order(database, shop, changes, expected):
    send(shop, know(shop, BUYER), clicked_at=AT - timedelta(hours=2))

    order(shop, **changes)

    assert earned(shop) == expected


def test_credit_follows_an_order_that_is_edited_and_then_cancelled(database, shop):
    send(shop, know(shop, BUYER), clicked_at=AT - timedelta(hours=2))
    order(shop)
    later = [(AT + timedelta(hours=n)).isoformat() for n in (1, 2)]

    order(shop, updated_at=later[0], current_total_price="65.00")
    assert earned(shop) == (1, 6500)
    order(shop, updated_at=later[1], current_total_price="0.00", cancelled_at=later[1])
    assert earned(shop) == (0, 0)
    order(shop)  # late news
    assert earned(shop) == (0, 0)


def test_the_last_click_before_an_order_earns_it_and_one_after_it_does_not(database, shop):
    buyer = know(shop, BUYER)
    for hours in (-6 * 24, -30, -2, 1):
        send(shop, buyer, clicked_at=AT + timedelta(hours=hours))

    order(shop)

    with db.reading() as session:
        (credited,) = attributions.credited_messages(session, shop.id, [5]).values()
        message = session.get(Message, (shop.id, credited))
    assert message is not None
    assert message.clicked_at == AT - timedelta(hours=2)


@pytest.mark.parametrize("typed", ["DEW-7KQ2", "dew-7Kq2", " Dew-7kq2 "])
def test_a_code_is_the_same_in_capitals_and_small_letters(database, shop, typed):
    key = send(shop, know(shop, CLICKER))
    with db.transaction() as session:
        coupons.add_codes(session, shop.id, 1, ["Dew-7kq2", "DEW-7KQ2"])
        coupons.give_code(session, shop.id, 1, key, at=AT)

    order(shop, discount_codes=[{"code": typed}])

    assert earned(shop) == (1, 4000)
    with db.reading() as session:
        assert coupons.count_codes(session, shop.id) == {1: (0, 1, 1)}


def test_a_code_of_the_pool_that_was_used_is_given_to_no_one(database, shop):
    give(shop, "DEW-FREE", None)
    with db.reading() as session:
        assert coupons.count_free(session, shop.id, 1) == 1

    order(shop, discount_codes=[{"code": "dew-free"}])

    with db.transaction() as session:
        assert coupons.count_free(session, shop.id, 1) == 0
        assert coupons.give_code(session, shop.id, 1, "mail:1", at=AT) is None
        assert coupons.count_codes(session, shop.id) == {1: (0, 0, 1)}
    assert earned(shop) == (0, 0)


def test_a_removed_code_is_gone_in_whichever_case_it_is_told(database, shop):
    give(shop, "DEW-FREE", None)

    with db.transaction() as session:
        coupons.delete_codes(session, shop.id, ["dew-Free"])

    with db.reading() as session:
        assert coupons.count_codes(session, shop.id) == {}
