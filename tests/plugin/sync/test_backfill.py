"""The backfill of a new store: read in bulk, equal to its webhooks, and exact after any fault."""

import json
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import func, select

from devstore.people.seed import Seed
from plugin import clock
from plugin.facts import ProfileFact
from plugin.jobs import run_slice
from plugin.shopify.api import bulk, nodes, pages
from plugin.shopify.install.installation import install
from plugin.shopify.normalise import orders
from plugin.shopify.normalise.bulk import normalise
from plugin.sync import backfill
from storage import backfills, checkouts, consent, flows
from storage.attributions import Attribution
from storage.backfills import BackfillLine, BackfillState
from storage.engine import db
from storage.events import Event
from storage.inventory import InventoryLevel
from storage.orders import Order
from storage.profiles import Profile
from storage.shops import get_shop
from tests.plugin.shopify.box import Shopify, refused
from tests.sizes import PATIENCE
from tests.state import state_of

DOMAIN = "dewpoint.myshopify.com"
CUSTOMERS, ORDERS, LEFT = 60, 180, 25
TESTS = 4  # among the orders


@pytest.fixture
def past(shopify: Shopify, door, broker) -> Shopify:
    """A store with a past."""
    store = shopify.store
    store.storefront_url = door.origin
    store.app = replace(store.app, scopes=(*store.app.scopes, "read_all_orders"))
    Seed(store).fill(CUSTOMERS, ORDERS, LEFT)
    return shopify


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Look at once: the store in the box is quick."""
    monkeypatch.setattr(backfill, "FIRST_LOOK", timedelta(milliseconds=10))
    monkeypatch.setattr(backfill, "FIRST_REST", timedelta(milliseconds=1))


def read_all(shop_id: int, for_s: float = 20.0) -> dict[str, backfills.Backfill]:
    backfill.begin_backfill(shop_id)
    until = time.monotonic() + for_s * PATIENCE
    while time.monotonic() < until:
        run_slice(backfill.SLICE_JOB, shop_id)
        stages = stages_of(shop_id)
        if all(each.state in backfills.ENDED_STATES for each in stages.values()):
            return stages
        time.sleep(0.01)
    raise AssertionError([(s.stage, s.state, s.error, s.attempts) for s in stages.values()])


def stages_of(shop_id: int) -> dict[str, backfills.Backfill]:
    with db.reading() as session:
        return {each.stage: each for each in backfills.stages_of(session, shop_id)}


def count(shop_id: int, model, *where) -> int:
    with db.reading() as session:
        query = select(func.count()).select_from(model).where(model.shop_id == shop_id, *where)
        return session.exec(query).one()


def test_all_of_a_past_is_kept(database, past):
    shop_id = install(DOMAIN, past.id_token())
    store = past.store
    subscribed = store.start_subscription(store.customers()[0]["email"])["id"]
    store.bill_subscription(subscribed, "success")

    stages = read_all(shop_id)

    sizes = [each for product in past.store.products(active=False) for each in product["variants"]]
    assert {stage: (s.state, s.done, s.skipped) for stage, s in stages.items()} == {
        "customers": (BackfillState.DONE, CUSTOMERS, 0),
        "products": (BackfillState.DONE, len(past.store.products(active=False)), 0),
        "orders": (BackfillState.DONE, ORDERS, 0),
        "checkouts": (BackfillState.DONE, LEFT, 0),
        "collections": (BackfillState.DONE, len(past.store.collections()), 0),
        "subscriptions": (BackfillState.DONE, 1, 0),
        "stock": (BackfillState.DONE, len(sizes), 0),
    }
    assert {s.share for s in stages.values()} == {1.0}
    assert count(shop_id, Order) == ORDERS - TESTS
    assert count(shop_id, Profile) == CUSTOMERS
    assert count(shop_id, Event, Event.metric == "Placed Order") == ORDERS - TESTS
    assert count(shop_id, Event, Event.metric == "Checkout Started") == LEFT
    for metric in ("Started Subscription", "Subscription Order Paid"):
        assert count(shop_id, Event, Event.metric == metric) == 1
    assert count(shop_id, InventoryLevel) == len(sizes)
    assert count(shop_id, BackfillLine) == 0


def test_consent_keeps_the_storefronts_own_time(shop_id, past):
    read_all(shop_id)

    kept = {row["email"]: row["email_consent"] for row in past.store.customers()}
    with db.reading() as session:
        for email, said in kept.items():
            state = consent.consent_state(session, shop_id, "email", email)
            ledger = consent.ledger_of(session, shop_id, [("email", email)])
            if said["state"] == "not_subscribed":
                assert (state, ledger) == (None, [])
            else:
                assert state == said["state"]
                assert ledger[0].occurred_at.isoformat()[:19] == said["updated_at"][:19]


def test_tags_sums_and_consent_to_whatsapp_are_kept(shop_id, past, monkeypatch):
    monkeypatch.setattr(backfill, "STAGES", (backfills.StoreNoun.CUSTOMERS,))
    store = past.store
    kept = store.register_customer("maya@example.com", phone="+15035550199")
    store.tag_customer(kept, ["vip", "first:try"], on=True)
    store.set_consent("maya@example.com", whatsapp_state="subscribed")
    token = store.add_to_cart(None, store.products()[0]["variants"][0]["id"])["token"]
    store.start_checkout(token, "maya@example.com")
    checkout = store.start_checkout(token, "maya@example.com")["token"]
    order = store.complete_checkout(checkout)

    read_all(shop_id)

    total = order["subtotal"] - order["reduction"] + order["shipping"]
    with db.reading() as session:
        (profile,) = session.exec(
            select(Profile).where(Profile.email == "maya@example.com", Profile.shop_id == shop_id)
        ).all()
        said = consent.consent_state(session, shop_id, "whatsapp", "+15035550199")
    assert profile.properties == {
        "tag:vip": True, "tag:first:try": True, "orders_count": 1, "total_spent": total
    }  # fmt: skip
    assert said == "subscribed"


def test_a_checkout_with_many_lines_is_kept_whole(shop_id, past, monkeypatch):
    monkeypatch.setattr(backfill, "STAGES", (backfills.StoreNoun.CHECKOUTS,))
    store, token = past.store, None
    many = [each["id"] for product in store.for_sale() for each in product["variants"]][:40]
    assert len(many) > 15
    for variant in many:
        token = store.add_to_cart(token, variant)["token"]
    checkout = store.start_checkout(token, "maya@example.com")

    read_all(shop_id)

    with db.reading() as session:
        (kept,) = checkouts.checkouts_by_token(session, shop_id, [checkout["cart_token"]])
    assert sorted(line["variant_id"] for line in kept.lines) == sorted(many)


def test_the_past_sets_off_no_flow_and_earns_nothing(shop_id, past, broker):
    with db.transaction() as session:
        shop = get_shop(session, shop_id)
        for number in range(5):
            cart = past.store.add_to_cart(None, past.store.products()[0]["variants"][0]["id"])
            past.store.start_checkout(cart["token"], f"left{number}@example.com")
        shop.installed_at = clock.now() + timedelta(seconds=5)
        session.add(shop)

    read_all(shop_id)

    assert count(shop_id, Event, Event.metric == "Checkout Started") == LEFT + 5
    assert count(shop_id, flows.Enrolment) == 0
    assert count(shop_id, Attribution) == 0


def test_twice_is_a_no_op_and_webhooks_say_the_same(shop_id, past):
    read_all(shop_id)
    once = state_of(shop_id)

    with db.transaction() as session:
        backfills.delete_backfill(session, shop_id)
    read_all(shop_id)

    assert state_of(shop_id) == once


def test_a_backfill_cut_off_after_each_step_ends_in_the_same_state(database, past, monkeypatch):
    shop_id = install(DOMAIN, past.id_token())
    read_all(shop_id)
    whole = state_of(shop_id)
    with db.transaction() as session:
        other = get_shop(session, shop_id)
        fields = other.model_dump(exclude={"id", "domain"})
        second = type(other)(id=other.id + 1, domain="other.myshopify.com", **fields)
        session.add(second)
    monkeypatch.setattr(backfill, "NODES_BATCH_SIZE", 7)
    monkeypatch.setattr(backfill, "LINES_BATCH_SIZE", 11)
    monkeypatch.setattr(backfill, "READ_SECONDS", 0.0)
    monkeypatch.setattr(backfills, "delete_lines", _dies_at(backfills.delete_lines, 5))
    monkeypatch.setattr(backfills, "add_lines", _dies_at(backfills.add_lines, 4))
    past.app.state.stores["other.myshopify.com"] = past.store
    backfill.begin_backfill(second.id)

    until = time.monotonic() + 60 * PATIENCE
    while time.monotonic() < until:
        try:
            run_slice(backfill.SLICE_JOB, second.id, 0.0)
        except Killed:
            continue
        if all(each.state in backfills.ENDED_STATES for each in stages_of(second.id).values()):
            break

    assert state_of(second.id) == whole


class Killed(BaseException):
    """What a kill -9 is to the process that it hits, as far as the database can tell."""


def _dies_at(act, every):
    calls = 0

    def dies(*given, **named):
        nonlocal calls
        calls += 1
        act(*given, **named)
        if calls % every == 0:
            raise Killed

    return dies


def test_an_operation_that_shopify_breaks_off_is_asked_for_again(shop_id, past):
    past.store.set("bulk trouble", "FAILED")

    stages = read_all(shop_id)

    assert {s.state for s in stages.values()} == {BackfillState.DONE}
    assert count(shop_id, Order) == ORDERS - TESTS


def test_in_the_end_the_part_that_there_is_is_taken(shop_id, past, monkeypatch):
    monkeypatch.setattr(backfill, "MAX_REQUESTS", 1)
    monkeypatch.setattr(backfill, "STAGES", (backfills.StoreNoun.ORDERS,))
    past.store.set("bulk trouble", "FAILED")

    orders = read_all(shop_id)["orders"]

    assert (orders.state, orders.error) == (BackfillState.DONE, "Shopify gave only a part.")
    assert count(shop_id, Order) == orders.done == 3


def test_an_operation_that_stands_still_is_called_off_and_asked_for_again(
    shop_id, past, monkeypatch
):
    monkeypatch.setattr(backfill, "STUCK_AFTER", timedelta(milliseconds=50))
    monkeypatch.setattr(backfill, "STAGES", (backfills.StoreNoun.CUSTOMERS,))
    past.store.set("bulk trouble", "STUCK")

    assert read_all(shop_id)["customers"].done == CUSTOMERS
    states = [row["status"] for row in past.store.rows("select status from bulk order by id")]
    assert states == ["CANCELED", "COMPLETED"]


def test_a_line_that_makes_no_sense_is_counted_and_spares_its_neighbours(
    shop_id, past, monkeypatch
):
    monkeypatch.setattr(backfill, "STAGES", (backfills.StoreNoun.CUSTOMERS,))
    real = bulk.read_lines

    def spoilt(url, offset):
        for number, (line, at) in enumerate(real(url, offset)):
            yield (
                {0: b"{nonsense", 1: b"[]", 2: b'{"id": "gid://shopify/Customer/x"}'}.get(
                    number, line
                ),
                at,
            )

    monkeypatch.setattr(bulk, "read_lines", spoilt)

    customers = read_all(shop_id)["customers"]

    assert (customers.state, customers.skipped) == (BackfillState.DONE, 3)
    assert count(shop_id, Profile) == CUSTOMERS - 3


def test_a_node_that_the_database_refuses_spares_its_neighbours(shop_id, past, monkeypatch):
    monkeypatch.setattr(backfill, "STAGES", (backfills.StoreNoun.CUSTOMERS,))
    real = backfill.record_facts

    def picky(session, shop, facts, now):
        if any(("customer_id", "71000000000013") in person.identities for person in facts.profiles):
            raise ValueError("this one")
        return real(session, shop, facts, now)

    monkeypatch.setattr(backfill, "record_facts", picky)

    customers = read_all(shop_id)["customers"]

    assert (customers.state, customers.skipped) == (BackfillState.DONE, 1)
    assert count(shop_id, Profile) == CUSTOMERS - 1


def test_trouble_at_shopify_is_waited_out_and_then_given_up(shop_id, past, monkeypatch):
    monkeypatch.setattr(backfill, "STAGES", (backfills.StoreNoun.CUSTOMERS,))
    monkeypatch.setattr(backfill, "MAX_ATTEMPTS", 2)
    past.trouble = [refused(402), refused(402)]

    customers = read_all(shop_id)["customers"]

    assert customers.state == BackfillState.FAILED
    assert "plan" in customers.error


def test_the_news_that_an_operation_ended_wakes_its_stage(shop_id, past):
    backfill.begin_backfill(shop_id)
    now = clock.now()
    with db.transaction() as session:
        (held, *_) = backfills.stages_of(session, shop_id)
        later = now + timedelta(minutes=1)
        backfills.save_progress(
            session, held, state=BackfillState.REQUESTED, operation_id="gid://x/1", due_at=later
        )

    said = {"admin_graphql_api_id": "gid://x/1", "status": "completed"}
    facts = normalise("bulk_operations/finish", json.loads(json.dumps(said)), "USD")
    with db.transaction() as session:
        backfill.record_facts(session, get_shop(session, shop_id), facts, now)

    assert stages_of(shop_id)["customers"].due_at == now


def test_a_reinstall_reads_anew(shop_id, past):
    read_all(shop_id)
    with db.transaction() as session:
        get_shop(session, shop_id).generation += 1

    backfill.begin_backfill(shop_id)

    assert {s.state for s in stages_of(shop_id).values()} == {"waiting"}


@pytest.fixture
def shop_id(sqlite: str, past: Shopify) -> int:
    return install(DOMAIN, past.id_token())


def test_what_is_read_back_of_a_changed_order_is_what_its_webhook_says(shop_id, past):
    store = past.store
    cart = store.add_to_cart(None, store.products()[0]["variants"][0]["id"], 3)["token"]
    checkout = store.start_checkout(cart, "maya@example.com")["token"]
    order = store.complete_checkout(checkout)["id"]
    variant, other = (store.products()[n]["variants"][0]["id"] for n in (0, 1))
    store.edit_order(order, other, 1)
    store.edit_order(order, variant, -1)
    store.return_goods(order, {variant: 1})
    store.refund_order(order, {}, shipping=True)
    (told,) = [each.payload for each in store.deliveries("orders/updated")][-1:]
    nobody = ProfileFact((), clock.now())
    by_webhook = orders.normalise("orders/updated", told, "USD")

    now = clock.now() - timedelta(seconds=30)
    page = pages.changed_page(
        shop_id, backfills.StoreNoun.ORDERS, now, now + timedelta(minutes=1), place=""
    )
    (family,) = [each for each in page.nodes if each[0]["id"].endswith(f"/{order}")]
    read = nodes.facts_of(shop_id, backfills.StoreNoun.ORDERS, *family, currency="USD")

    ((_, row, lines),) = by_webhook.orders
    assert len(told["returns"]) == 1
    assert len(told["refunds"]) == 2
    assert len(lines) == 2
    assert read.orders[0][1:] == (row, lines)
    acts = [
        [replace(each, profile=nobody) for each in facts.events] for facts in (read, by_webhook)
    ]
    assert acts[0] == acts[1]
    assert read.profiles[0].fields == by_webhook.profiles[0].fields
