"""Retention: digested deliveries go after a week, and nothing else does."""

from datetime import datetime, timedelta

import pytest

from plugin import clock
from plugin.events import retention
from storage import db, inbox
from storage.inbox import DONE, NEW, QUARANTINED, Arrival, get_delivery
from storage.shops import Shop

pytestmark = pytest.mark.usefixtures("database")


def keep(shop: Shop, name: str, at: datetime, state: str) -> None:
    arrival = Arrival(shop.id, name, "orders/create", "2026-10", "", at, b"{}")
    with db.inbox_transaction() as session:
        inbox.keep(session, [arrival])
        inbox.settle(session, shop.id, [name], state)


def test_digested_deliveries_go_after_a_week_and_nothing_else_does(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    now = clock.now()
    old, young = now - timedelta(days=7, minutes=1), now - timedelta(days=6)
    for number in range(5):
        keep(shop, f"old-{number}", old, DONE)
    kept = {"young": (young, DONE), "waits": (old, NEW), "puzzling": (old, QUARANTINED)}
    for name, (at, state) in kept.items():
        keep(shop, name, at, state)

    assert retention.drop_digested() == 5
    assert retention.drop_digested() == 0
    with db.inbox_reading() as session:
        assert all(get_delivery(session, shop.id, name) for name in kept)
        assert get_delivery(session, shop.id, "old-0") is None
