"""Reconciliation finds what was lost on its way to us, and mends exactly that."""

import json
from datetime import timedelta

import pytest

from plugin import clock
from plugin.events import reconcile
from plugin.events.digest import digest
from plugin.shopify.install import install
from storage import backfills, db, inbox, reconciliations
from storage.backfills import DONE
from storage.inbox import Arrival
from storage.shops import get_shop
from tests.plugin.events.gaps import Market
from tests.plugin.shopify.box import Shopify
from tests.state import state_of

DOMAIN = "dewpoint.myshopify.com"
NOUNS = ("customers", "products", "orders", "checkouts")
real_now = clock.now


@pytest.fixture
def later(monkeypatch):
    """Let the grace for webhooks on their way be over."""
    monkeypatch.setattr(clock, "now", lambda: real_now() + timedelta(minutes=15))


@pytest.fixture
def market(shopify: Shopify, door, bell, request) -> Market:
    """A store with its news; with 500 gaps, or on PostgreSQL 50."""
    shopify.store.storefront_url = door.origin
    shopify.bucket(1e9, 1e9)
    small = "postgresql" in request.node.name
    return Market(shopify.store, 0.1 if small else 1.0)


def installed(market: Market, shopify: Shopify) -> int:
    """A shop whose past is read; it had none."""
    shop_id = install(DOMAIN, shopify.id_token())
    past_is_read(shop_id)
    return shop_id


def past_is_read(shop_id: int) -> None:
    with db.transaction() as session:
        backfills.start(session, get_shop(session, shop_id), NOUNS, real_now())
        for stage in backfills.stages_of(session, shop_id):
            backfills.advance(session, stage, state=DONE, finished_at=clock.now())


def twin(shopify: Shopify, shop_id: int) -> int:
    """Another shop at the same store."""
    domain = "twin.myshopify.com"
    with db.transaction() as session:
        shop = get_shop(session, shop_id)
        fields = shop.model_dump(exclude={"id", "domain"})
        session.add(type(shop)(id=shop.id + 1, domain=domain, **fields))
    shopify.app.state.stores[domain] = shopify.store
    past_is_read(shop_id + 1)
    return shop_id + 1


def deliver(shop_id: int, requests) -> None:
    with db.inbox_transaction() as session:
        arrivals = [
            Arrival(
                shop_id,
                request.headers["X-Shopify-Webhook-Id"],
                request.topic,
                request.headers["X-Shopify-API-Version"],
                request.headers["X-Shopify-Triggered-At"],
                clock.now(),
                request.body,
            )
            for request in requests
        ]
        inbox.keep(session, arrivals)
    digest()


def facts(shop_id: int) -> dict:
    """The state, but for when each row was told: a repair is told later."""
    untold = {}
    for name, rows in state_of(shop_id).items():
        if isinstance(rows, list):
            rows = [{k: v for k, v in json.loads(row).items() if k != "told_at"} for row in rows]
        untold[name] = rows
    return untold


def finish(shop_id: int) -> dict[str, reconciliations.Reconciliation]:
    """One whole reconciliation."""
    reconcile.hurry(shop_id)
    while reconcile.work(shop_id):
        pass
    with db.reading() as session:
        rows = {row.noun: row for row in reconciliations.of_shop(session, shop_id)}
    assert {(row.until, row.error) for row in rows.values()} == {(None, "")}
    return rows


def found(rows) -> dict[tuple[str, str], int]:
    return {
        (noun, kind): getattr(row, kind)
        for noun, row in rows.items()
        for kind in ("missing", "partial", "stale")
        if getattr(row, kind)
    }


def test_each_of_500_gaps_is_found_and_mended_and_nothing_else(
    database, shopify, market, later, monkeypatch
):
    lossy = installed(market, shopify)
    whole = twin(shopify, lossy)
    with monkeypatch.context() as then:
        then.setattr(clock, "now", real_now)
        market.trade()
        deliver(whole, market.store.deliveries())
        deliver(lossy, market.arrived())
    with db.transaction() as session:
        market.damage(session, lossy)
    wanted = dict(market.gaps.counts())
    assert sum(wanted.values()) == 500 * market.size
    assert facts(lossy) != facts(whole)

    rows = finish(lossy)

    assert found(rows) == wanted
    assert sum(row.looked for row in rows.values()) > 2_000 * market.size
    assert sum(row.unsettled for row in rows.values()) == 0
    assert facts(lossy) == facts(whole)
    assert found(finish(lossy)) == {}
    assert found(finish(whole)) == {}
