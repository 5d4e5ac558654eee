"""The first visit, and every one after it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from dramatiq.brokers.stub import StubBroker

from plugin import clock
from plugin.errors import RegularsError
from plugin.onboard import RECHECK_INTERVAL, ensure_installed
from storage import coupons, flows, forms, shops, templates
from storage.engine import db
from tests.plugin.shopify.box import Shopify, the_shop

DOMAIN = "dewpoint.myshopify.com"


def test_the_first_visit_installs_seeds_the_library_and_rings(
    database: str, broker: StubBroker, shopify: Shopify
) -> None:
    shop_id = ensure_installed(DOMAIN, shopify.id_token())

    with db.reading() as session:
        assert len(flows.flows_of(session, shop_id)) == 2
        assert len(forms.forms_of(session, shop_id)) >= 1
        # Three of the flows', and three confirmations: double opt-in, data export, erasure.
        assert len(templates.templates_of(session, shop_id)) == 6
        assert len(coupons.coupons_of(session, shop_id)) == 1
    assert broker.queues["sync"].qsize() == 1


def test_later_visits_ask_shopify_nothing(
    sqlite: str, broker: StubBroker, shopify: Shopify
) -> None:
    shop_id = ensure_installed(DOMAIN, shopify.id_token())
    shopify.seen.clear()

    assert ensure_installed(DOMAIN, "not looked at") == shop_id
    assert shopify.seen == []
    assert broker.queues["sync"].qsize() == 1


def test_two_first_visits_at_once_install_once(
    database: str, broker: StubBroker, shopify: Shopify
) -> None:
    with ThreadPoolExecutor(6) as pool:
        ids = set(pool.map(lambda _: ensure_installed(DOMAIN, shopify.id_token()), range(6)))

    (shop_id,) = ids
    assert sorted(shopify.seen) == [
        f"{DOMAIN}/admin/api/2026-10/graphql.json",
        f"{DOMAIN}/admin/oauth/access_token",
    ]
    assert broker.queues["sync"].qsize() == 1
    with db.reading() as session:
        assert len(flows.flows_of(session, shop_id)) == 2


def test_a_store_that_comes_back_gets_no_second_set_of_flows(
    sqlite: str, broker: StubBroker, shopify: Shopify
) -> None:
    first = ensure_installed(DOMAIN, shopify.id_token())
    with db.transaction() as session:
        shops.uninstall(session, first, clock.now())

    assert ensure_installed(DOMAIN, shopify.id_token()) == first
    assert the_shop(first).generation == 2
    assert broker.queues["sync"].qsize() == 2
    with db.reading() as session:
        assert len(flows.flows_of(session, first)) == 2


def test_a_stale_visit_of_a_stranger_installs_nothing(
    sqlite: str, broker: StubBroker, shopify: Shopify
) -> None:
    with pytest.raises(RegularsError) as error:
        ensure_installed(DOMAIN, "stale")

    assert error.value.status == 401
    assert broker.queues["sync"].qsize() == 0


def test_a_visit_mends_a_shop_that_was_away_for_too_long(
    sqlite: str,
    broker: StubBroker,
    shopify: Shopify,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("REGULARS_CLOCK_FILE", str(tmp_path / "clock"))
    shop_id = ensure_installed(DOMAIN, shopify.id_token())
    old = the_shop(shop_id).access_token
    clock.advance(timedelta(days=91))

    ensure_installed(DOMAIN, shopify.id_token())

    shop = the_shop(shop_id)
    assert shop.access_token != old
    assert shop.generation == 1


def test_new_scopes_of_the_manifest_are_read_at_the_next_visit(
    sqlite: str, broker: StubBroker, shopify: Shopify
) -> None:
    shop_id = ensure_installed(DOMAIN, shopify.id_token())
    with db.transaction() as session:
        shop = shops.get_shop(session, shop_id)
        assert shop
        shop.scopes = "read_orders"
        assert shop.token_expires_at
        shop.token_expires_at -= RECHECK_INTERVAL

    ensure_installed(DOMAIN, shopify.id_token())

    assert "write_discounts" in the_shop(shop_id).scopes
