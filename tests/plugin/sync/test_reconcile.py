"""Reconciliation finds what was lost on its way to us, and mends exactly that."""

import json
from datetime import timedelta

import pytest
from sqlmodel import select

from plugin import clock
from plugin.cli import privacy
from plugin.cli import reconcile as cli_reconcile
from plugin.errors import RegularsError
from plugin.flows.library import add_flow, set_status
from plugin.ingest.digest import digest_deliveries
from plugin.jobs import Progress, run_slice
from plugin.shopify.install.installation import install
from plugin.sync import reconcile, repair
from storage import backfills, products, reconciliations
from storage.engine import db
from storage.flows import Enrolment
from storage.products import variants_by_product
from storage.shops import get_shop
from tests.plugin.flows.ready import abandoned_checkout
from tests.plugin.shopify.box import refused, the_shop
from tests.plugin.sync.comparing import (
    DOMAIN,
    deliver,
    facts,
    finish,
    found,
    installed,
    keep,
    past_is_read,
    real_now,
    retold,
    twin,
)
from tests.state import state_of


def test_f18_o15_each_of_500_differences_is_found_and_repaired_alone(
    database, shopify, market, later, monkeypatch
):
    lossy = installed(market, shopify)
    whole = twin(shopify, lossy)
    with monkeypatch.context() as then:
        then.setattr(clock, "now", real_now)
        market.trade()
        deliver(whole, market.store.deliveries())
        arrived = market.arrived() * 2
        market.chance.shuffle(arrived)
        deliver(lossy, arrived)
    with db.transaction() as session:
        market.damage(session, lossy)
    wanted = dict(market.gaps.counts())
    assert sum(wanted.values()) == 500 * market.size
    assert facts(lossy) != facts(whole)

    rows = finish(lossy)

    assert found(rows) == wanted
    assert sum(row.compared for row in rows.values()) > 2_000 * market.size
    assert sum(row.unresolved for row in rows.values()) == 0
    assert facts(lossy) == facts(whole)
    for noun in ("orders", "products"):
        gaps = sum(count for (name, _), count in wanted.items() if name == noun)
        assert retold(noun, lossy, whole) == gaps  # what was whole was not even written again
    assert found(finish(lossy)) == {}
    assert found(finish(whole)) == {}


def test_o15_a_dry_run_names_what_differs_and_changes_nothing(sqlite, shopify, market, later):
    shop_id = installed(market, shopify)
    kept = market.store.register_customer("maya@example.com", first_name="Maya")
    before = facts(shop_id)

    lines = list(cli_reconcile.list_differences(the_shop(shop_id)))

    assert "customers                    1 compared  1 missing  0 partial  0 stale" in lines
    assert f"  missing: {kept['id']}" in lines
    assert "maya" not in "".join(lines).lower()
    assert facts(shop_id) == before
    assert next(cli_reconcile.repair_differences(the_shop(shop_id))) == lines[0]
    assert facts(shop_id) != before


def test_before_the_past_is_read_there_is_nothing_to_compare(sqlite, shopify, market):
    shop = the_shop(install(DOMAIN, shopify.id_token()))

    for act in (cli_reconcile.list_differences, cli_reconcile.repair_differences):
        with pytest.raises(RegularsError, match="Import the store's history first"):
            list(act(shop))


@pytest.fixture
def reminders(sqlite, shopify, market) -> tuple[int, str]:
    """Return a shop with live reminders of abandoned checkouts, and a checkout that
    waits for them.
    """
    shop_id = installed(market, shopify)
    with db.transaction() as session:
        flow = add_flow(session, shop_id, "Abandoned checkout", abandoned_checkout())
    set_status(shop_id, flow, True)
    token = market.store.start_checkout(market.cart(), "maya@example.com")["token"]
    deliver(shop_id, market.store.deliveries())
    assert states(shop_id) == ["waiting"]
    return shop_id, token


def states(shop_id: int) -> list[str]:
    with db.reading() as session:
        return list(session.exec(select(Enrolment.state).where(Enrolment.shop_id == shop_id)))


def test_a_missed_order_ends_what_waits_for_it(reminders, market, later):
    shop_id, token = reminders
    market.store.complete_checkout(token)

    finish(shop_id)

    assert states(shop_id) == ["exited"]


def test_a_missed_checkout_starts_a_flow_unless_it_is_too_old(reminders, market, monkeypatch):
    shop_id, _ = reminders
    market.store.start_checkout(market.cart(), "noor@example.com")
    start = market.store.now
    market.store.now = lambda: start() - timedelta(hours=25)
    market.store.start_checkout(market.cart(), "old@example.com")
    with db.transaction() as session:
        for row in backfills.stages_of(session, shop_id):
            row.started_at -= timedelta(days=2)
        get_shop(session, shop_id).installed_at -= timedelta(days=2)
    monkeypatch.setattr(clock, "now", lambda: real_now() + timedelta(minutes=15))

    rows = finish(shop_id)

    assert rows["checkouts"].missing == 2
    assert states(shop_id) == ["waiting", "waiting"]


def test_a_window_that_is_cut_off_again_and_again_ends_as_one_that_was_not(
    sqlite, shopify, market, later, monkeypatch
):
    market.size = 0.1
    monkeypatch.setattr(reconcile, "repair_records", _dies_at(repair.repair_records, 3))
    lossy = installed(market, shopify)
    whole = twin(shopify, lossy)
    market.trade()
    deliver(whole, market.store.deliveries())
    deliver(lossy, market.arrived())
    with db.transaction() as session:
        market.damage(session, lossy)
    deaths = 0

    reconcile.make_due_now(lossy)
    progress = Progress.MORE
    while progress is Progress.MORE:
        try:
            progress = run_slice(reconcile.SLICE_JOB, lossy)
        except Killed:
            deaths += 1

    with db.reading() as session:
        rows = {row.noun: row for row in reconciliations.of_shop(session, lossy)}
        told = reconciliations.repairs(session, lossy, real_now() - timedelta(hours=1))
    assert deaths > 3
    assert facts(lossy) == facts(whole)
    assert found(rows) == told == dict(market.gaps.counts())


class Killed(BaseException):
    """What a kill -9 is to the process that it hits, as far as the database can tell."""


def _dies_at(act, every):
    calls = 0

    def dies(*given):
        nonlocal calls
        calls += 1
        outcome = act(*given)
        if calls % every == 0:
            raise Killed
        return outcome

    return dies


def test_whether_a_stock_is_counted_is_learnt_and_is_no_repair(sqlite, shopify, market, later):
    shop_id = installed(market, shopify)
    market.store.update_product("cloud-cream", stock=0)
    deliver(shop_id, market.store.deliveries())
    product = market.store.product("cloud-cream")["id"]

    def is_tracked() -> set[bool | None]:
        with db.reading() as session:
            rows = variants_by_product(session, shop_id, [product])[product]
        return {row["tracked"] for row in rows}

    assert is_tracked() == {None}

    rows = finish(shop_id)

    assert is_tracked() == {True}
    assert found(rows) == {}


def test_language_and_sums_of_a_customer_are_learnt_and_are_no_repair(
    sqlite, shopify, market, later
):
    shop_id = installed(market, shopify)
    market.store.register_customer("maya@example.com")
    deliver(shop_id, market.store.deliveries())

    rows = finish(shop_id)

    (person,) = state_of(shop_id)["people"].values()
    assert (person["locale"], person["properties"]) == ("en", {"orders_count": 0, "total_spent": 0})
    assert found(rows) == {}


def test_sums_that_were_lost_are_repaired(sqlite, shopify, market, later):
    shop_id = installed(market, shopify)
    market.sale("maya@example.com")
    lost = "customers/purchasing_summary"
    deliver(shop_id, [each for each in market.store.deliveries() if each.topic != lost])

    assert found(finish(shop_id)) == {("customers", "partial"): 1}

    (person,) = state_of(shop_id)["people"].values()
    assert person["properties"]["orders_count"] == 1
    assert person["properties"]["total_spent"] > 0
    assert found(finish(shop_id)) == {}


def test_who_is_forgotten_does_not_come_back(sqlite, shopify, market, later):
    shop_id = installed(market, shopify)
    kept = market.store.register_customer("maya@example.com", first_name="Maya")
    order = market.sale("maya@example.com")
    deliver(shop_id, market.store.deliveries())
    privacy.redact_customer(DOMAIN, "maya@example.com", "", str(kept["id"]))
    before = facts(shop_id)

    rows = finish(shop_id)

    assert sum(row.compared for row in rows.values()) > 1
    assert found(rows) == {}
    assert facts(shop_id) == before
    assert str(order["order_number"]) not in json.dumps(before["orders"])


def test_f30_trouble_at_shopify_is_waited_out_and_the_window_stays(
    sqlite, shopify, market, later, monkeypatch
):
    shop_id = installed(market, shopify)
    market.store.register_customer("maya@example.com")
    shopify.trouble = [None, refused(402)]  # it counts, and gives no page

    reconcile.make_due_now(shop_id)
    run_slice(reconcile.SLICE_JOB, shop_id)

    with db.reading() as session:
        (row,) = [r for r in reconciliations.of_shop(session, shop_id) if r.noun == "customers"]
    assert "plan" in row.error
    assert (row.until is None, row.attempts) == (False, 1)
    assert row.due_at > clock.now()
    assert finish(shop_id)["customers"].missing == 1


def test_a_window_waits_until_what_was_told_is_digested(sqlite, shopify, market, later):
    shop_id = installed(market, shopify)
    market.store.register_customer("maya@example.com")
    keep(shop_id, market.store.deliveries(), real_now())

    assert all(row.finished_at is None for row in finish(shop_id).values())

    digest_deliveries()
    assert finish(shop_id)["customers"].compared == 1
    assert found(finish(shop_id)) == {}


def test_a_product_that_was_deleted_is_taken_off_sale(sqlite, shopify, market, later):
    shop_id = installed(market, shopify)
    made = market.store.create_product(
        handle="new", title="New", variants=[{"title": "30 ml", "price": 1_000}]
    )
    deliver(shop_id, market.store.deliveries())
    market.store.delete_product("new")

    assert found(finish(shop_id)) == {("deletions", "stale"): 1}

    with db.reading() as session:
        assert (
            products.products_by_id(session, shop_id, [made["id"]])[made["id"]].status == "deleted"
        )


def test_a_tag_that_was_lost_is_mended_on_and_off(sqlite, shopify, market, later):
    shop_id = installed(market, shopify)
    store = market.store
    kept = store.register_customer("maya@example.com")
    kept = store.tag_customer(kept, ["vip", "old"], on=True)
    deliver(shop_id, store.deliveries())
    start = store.now
    store.now = lambda: start() + timedelta(seconds=2)
    kept = store.tag_customer(kept, ["old"], on=False)
    store.tag_customer(kept, ["new"], on=True)

    assert found(finish(shop_id)) == {("customers", "stale"): 1}

    (person,) = facts(shop_id)["people"].values()
    assert person["properties"] == {"tag:vip": True, "tag:old": False, "tag:new": True}
    assert found(finish(shop_id)) == {}


def test_o16_a_topic_without_deliveries_is_reported_until_one_arrives(
    sqlite, shopify, market, later, caplog
):
    shop_id = installed(market, shopify)
    for number in range(3):
        market.store.register_customer(f"maya{number}@example.com")

    assert finish(shop_id)["customers"].inactive_topics == ["customers/create"]
    assert finish(shop_id)["customers"].inactive_topics == ["customers/create"]
    assert "  customers/create sends nothing: deploy shopify.app.toml again" in list(
        cli_reconcile.repair_differences(the_shop(shop_id))
    )

    deliver(shop_id, market.store.deliveries()[:1])
    assert finish(shop_id)["customers"].inactive_topics == []


def test_two_lost_deliveries_are_no_silence(sqlite, shopify, market, later):
    shop_id = installed(market, shopify)
    for number in range(2):
        market.store.register_customer(f"maya{number}@example.com")

    assert finish(shop_id)["customers"].missing == 2
    assert finish(shop_id)["customers"].inactive_topics == []


def test_a_window_with_too_much_in_it_is_read_in_parts(sqlite, shopify, market, later, monkeypatch):
    monkeypatch.setattr(reconcile, "MAX_RECORDS_PER_WINDOW", 5)
    monkeypatch.setattr(reconcile, "OVERLAP", timedelta())
    shop_id = installed(market, shopify)
    start, ago = market.store.now, [0]
    market.store.now = lambda: start() - timedelta(minutes=ago[0])
    for minutes in range(20):
        ago[0] = minutes * 3
        market.store.register_customer(f"maya{minutes}@example.com")
    with db.transaction() as session:
        for row in backfills.stages_of(session, shop_id):
            row.started_at -= timedelta(hours=1)

    finish(shop_id)
    finish(shop_id)

    with db.reading() as session:
        whole = reconciliations.repairs(session, shop_id, real_now() - timedelta(hours=2))
        late = reconciliations.repairs(session, shop_id, real_now() - timedelta(minutes=20))
    assert whole == {("customers", "missing"): 20}
    assert 0 < late["customers", "missing"] < 20
    assert len(facts(shop_id)["people"]) == 20


def test_the_clock_enqueues_after_the_backfill_and_hourly_after_that(
    sqlite, shopify, market, later
):
    shop_id = install(DOMAIN, shopify.id_token())
    with db.reading() as session:
        assert reconciliations.due_shops(session, clock.now()) == []
    past_is_read(shop_id)
    with db.reading() as session:
        assert reconciliations.due_shops(session, clock.now()) == [shop_id]

    finish(shop_id)

    with db.reading() as session:
        assert reconciliations.due_shops(session, clock.now()) == []
        assert reconciliations.due_shops(session, clock.now() + timedelta(hours=1)) == [shop_id]
