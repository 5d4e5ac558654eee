"""The inbox gives every shop its share, and what shoppers wait for goes first."""

from collections import Counter

import pytest
from sqlalchemy import update
from sqlmodel import col

from storage import arrivals, inbox, inbox_claims
from storage.arrivals import NewDelivery
from storage.engine import db
from storage.inbox import Delivery
from storage.inbox_claims import BUSY_TIMEOUT_S, LEASE_S
from tests.conftest import NOW

pytestmark = pytest.mark.usefixtures("database")
FLOOD, OTHERS = 1, range(2, 6)


def keep(shop_id: int, *webhook_ids: str, topic: str = "orders/create") -> None:
    arrivals.add_deliveries(
        [NewDelivery(shop_id, each, topic, "2026-10", "", NOW, b"{}") for each in webhook_ids],
    )


def claim() -> list[Delivery]:
    with db.inbox_transaction() as session:
        return inbox_claims.claim_deliveries(session)


def settle(batch: list[Delivery]) -> None:
    with db.inbox_transaction() as session:
        for each in batch:
            inbox_claims.settle_deliveries(
                session, each.shop_id, [each.webhook_id], inbox.DeliveryState.DONE
            )


def test_f23_a_flooding_shop_leaves_others_their_share_of_every_batch() -> None:
    keep(FLOOD, *(f"flood-{n}" for n in range(1_200)))
    for shop_id in OTHERS:
        keep(shop_id, "one", "two")

    batch = claim()
    found = Counter(each.shop_id for each in batch)
    assert [found[shop_id] for shop_id in OTHERS] == [2] * len(OTHERS)
    assert found[FLOOD] >= 100


def test_a_shop_alone_has_the_whole_batch_and_each_delivery_is_given_once() -> None:
    keep(FLOOD, *(f"flood-{n}" for n in range(700)))

    batch = claim()
    assert len(batch) == 500
    settle(batch)
    rest = claim()
    assert len(rest) == 200
    assert not {each.webhook_id for each in batch} & {each.webhook_id for each in rest}


def test_orders_go_before_the_catalog_whatever_came_first() -> None:
    keep(FLOOD, *(f"product-{n}" for n in range(600)), topic="products/update")
    keep(FLOOD, "order", topic="orders/create")
    keep(FLOOD, "consent", topic="customers_marketing_consent/update")

    batch = {each.webhook_id for each in claim()}
    assert {"order", "consent"} <= batch
    assert len(batch) == 500


def test_a_shop_that_a_worker_is_at_is_left_to_it_and_not_for_long() -> None:
    keep(FLOOD, *(f"flood-{n}" for n in range(700)))
    keep(2, "one")
    assert Counter(each.shop_id for each in claim())[FLOOD] >= 250
    keep(3, "one")

    assert {each.shop_id for each in claim()} == {3}

    with db.inbox_transaction() as session:  # its worker has been silent for a while
        session.connection().execute(
            update(Delivery)
            .where(col(Delivery.shop_id) == FLOOD, col(Delivery.lease_until) > 0)
            .values(lease_until=db.database_time(session) + LEASE_S - BUSY_TIMEOUT_S - 0.1)
        )
    assert {each.shop_id for each in claim()} == {FLOOD}


def test_nothing_waits_when_all_is_taken() -> None:
    keep(FLOOD, "one")
    assert len(claim()) == 1
    assert claim() == []
