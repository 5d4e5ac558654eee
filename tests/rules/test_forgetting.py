"""L13, L14, O13: a redacted shopper is in no table, queue, log or file; an export holds every
field.
"""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import SQLModel
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin import clock
from plugin.channels.base import SendError
from plugin.facts import Facts, IdentityKey, PrivacyFact, ProfileFact
from plugin.imports import lifecycle
from plugin.ingest.digest import digest_deliveries
from plugin.ingest.record import record_facts
from plugin.messages import links, outcome
from plugin.messages.links import Target
from plugin.privacy import requests
from plugin.privacy.data_export import export_profile
from plugin.sheets.problems import SheetError
from storage import data_subject, failed_webhooks, inbox_claims, privacy_requests
from storage.arrivals import NewDelivery, add_deliveries
from storage.attributions import Attribution
from storage.coupons import CouponCode, count_free
from storage.engine import db
from storage.events import Event
from storage.imports import ProblemCode
from storage.messages import Message, MessageState, get_message
from storage.orders import Order
from storage.privacy_requests import PrivacyRequestState, PrivacyTopic
from storage.profiles import Identity
from storage.shops import Shop, get_shop, uninstall
from storage.tables import INBOX_TABLES
from storage.visits import Visit
from tests.conftest import SETTINGS
from tests.plugin.imports import sheet
from tests.rules import canary
from tests.state import state_of
from webhooks.app import routes

WITHIN_S = 60.0
pytestmark = pytest.mark.usefixtures("data_dir")
SECRET = SETTINGS["REGULARS_SHOPIFY_CLIENT_SECRET"]
HERS = (IdentityKey("email", canary.EMAIL), IdentityKey("order_id", str(canary.LOOSE_ORDER)))


@pytest.fixture
def client(database, shop):
    with TestClient(Starlette(routes=routes())) as client:
        yield client


def work() -> None:
    """What clock and workers do, until nothing is due."""
    for _ in range(20):
        digest_deliveries()
        now = clock.now() + timedelta(seconds=5)  # what was put off is due by then
        with db.transaction() as session:
            due = privacy_requests.claim_due(session, now, 100)
        for shop_id, request_id in due:
            requests.run_requests(shop_id, [request_id])
        with db.inbox_reading() as session:
            if not due and not inbox_claims.has_due(session):
                return
    raise AssertionError("there is no end to it")


def rows(model: Any, shop: Shop) -> list[Any]:
    with db.reading() as session:
        query = model.__table__.select().where(model.__table__.c.shop_id == shop.id)
        return list(session.connection().execute(query))


def other_shop(shop: Shop) -> Shop:
    other = Shop(id=shop.id + 1, domain="other.myshopify.com", installed_at=shop.installed_at)
    with db.transaction() as session:
        session.add(other)
    return other


def test_l13_every_table_has_its_place_and_the_canary_sits_in_each(sqlite, shop):
    planted = {row.__tablename__ for row in canary.plant(shop)}
    for table in SQLModel.metadata.sorted_tables:
        if "shop_id" in table.c and table.name not in data_subject.UNRELATED_TABLES:
            known = table.name in data_subject.CONDITIONS or table.name in data_subject.RAW_TABLES
            assert known or "profile_id" in table.c, f"whose are the rows of {table.name}?"
            assert table.name in planted, f"plant the canary in {table.name}"


def test_l13_a_customer_planted_everywhere_is_gone_within_a_minute(
    client, shop, database, tmp_path, broker, capfd
):
    canary.plant(shop)
    assert canary.found_in(canary.dump(database, tmp_path)) == list(canary.WORDS)
    began = time.monotonic()

    canary.ask(
        client, shop, PrivacyTopic.REDACT, SECRET, **canary.about_her(),
        orders_to_redact=[canary.LOOSE_ORDER],
    )  # fmt: skip
    work()

    assert time.monotonic() - began < WITHIN_S
    assert canary.found_in(canary.dump(database, tmp_path)) == []
    queued = b"".join(message for queue in broker.queues.values() for message in [*queue.queue])
    assert canary.found_in(queued) == []
    said = capfd.readouterr()
    assert canary.found_in((said.out + said.err).encode()) == []
    (request, *_) = rows(privacy_requests.PrivacyRequest, shop)
    assert {r.state for r in rows(privacy_requests.PrivacyRequest, shop)} == {
        PrivacyRequestState.DONE,
        "expired",
    }
    assert request.shop_id == shop.id


def test_l13_amounts_stay_as_nobodys(client, shop):
    canary.plant(shop)

    canary.ask(client, shop, PrivacyTopic.REDACT, SECRET, **canary.about_her(), orders_to_redact=[])
    work()

    order = next(row for row in rows(Order, shop) if row.id == canary.ORDER)
    (credit,) = rows(Attribution, shop)
    sent = next(row for row in rows(Message, shop) if row.state == "accepted")
    (code,) = rows(CouponCode, shop)
    assert (order.total, order.profile_id, order.number) == (4200, None, "")
    assert (credit.amount, credit.message_id) == (4200, sent.id)
    assert (sent.profile_id, sent.address, sent.opened_at is not None) == (0, "", True)
    assert {row.state for row in rows(Message, shop)} == {"accepted", "skipped"}
    with db.reading() as session:
        assert count_free(session, shop.id, 1) == 0, "her code is not given to anybody else"
    assert code.redeemed_order_id is None


def test_l13_a_second_request_and_a_late_delivery_bring_nothing_back(
    client, shop, database, tmp_path
):
    canary.plant(shop)
    canary.ask(
        client,
        shop,
        PrivacyTopic.REDACT,
        SECRET,
        **canary.about_her(),
        orders_to_redact=[canary.LOOSE_ORDER],
    )
    work()

    canary.ask(
        client,
        shop,
        PrivacyTopic.REDACT,
        SECRET,
        **canary.about_her(),
        orders_to_redact=[canary.LOOSE_ORDER],
    )
    late = json.dumps(canary.customer()).encode()
    add_deliveries([NewDelivery(shop.id, "late", "customers/update", "", "", clock.now(), late)])
    work()
    requests.vacuum.vacuum_database()

    assert state_of(shop.id)["people"] == {}
    assert canary.found_in(canary.dump(database, tmp_path)) == []


def test_l13_the_copy_has_every_field_that_we_keep(client, shop):
    planted = canary.plant(shop)
    began = time.monotonic()

    canary.ask(
        client, shop, PrivacyTopic.DATA_REQUEST, SECRET, **canary.about_her(),
        orders_requested=[canary.LOOSE_ORDER], data_request={"id": 9},
    )  # fmt: skip
    work()

    assert time.monotonic() - began < WITHIN_S
    with db.reading() as session:
        ready = [
            r for r in privacy_requests.requests_of(session, shop.id) if r.ready and r.expires_at
        ]
        file = json.loads(privacy_requests.get_request(session, shop.id, ready[0].id).export)
    assert canary.found_in(json.dumps(file).encode()) == list(canary.WORDS)
    assert len(file["deliveries"]) >= 5
    assert [canary.found_in(row.encode()) for row in file["imported_rows"]] == [
        [canary.EMAIL, canary.FIRST, canary.LAST, canary.STREET]
    ]
    for row in planted:
        if row.__tablename__ in data_subject.RAW_TABLES | data_subject.UNRELATED_TABLES:
            continue
        copies = file["tables"][row.__tablename__]
        said = json.loads(row.model_dump_json())
        keys = [c.name for c in row.__table__.primary_key]
        (copy,) = [c for c in copies if all(str(c[k]) == str(said[k]) for k in keys)]
        assert copy.keys() == said.keys()
        for name, value in said.items():
            if isinstance(value, str) and not name.endswith("_at") and name != "at":
                assert copy[name] == value


def test_l13_redaction_blanks_own_rows_of_a_file_and_deletes_an_upload(client, shop, data_dir):
    canary.plant(shop)
    coming = lifecycle.begin_upload(shop.id, "more.csv", 1_000)
    lifecycle.append_upload(coming, 0, f"Email\n{canary.EMAIL}\n".encode())

    canary.ask(client, shop, PrivacyTopic.REDACT, SECRET, **canary.about_her(), orders_to_redact=[])
    work()

    (file,) = data_dir.rglob("*.csv")
    assert file.read_bytes().split() == [
        b"Email,First", b"Name,Note", b'a@example.com,Ann,"x"', b"b@example.com,Bo,",
    ]  # fmt: skip
    with pytest.raises(SheetError, match="privacy request"):
        lifecycle.append_upload(sheet.finish(shop, coming), 0, b"more")


def test_l14_an_import_resubscribes_no_redacted_shopper(client, shop):
    canary.plant(shop)
    canary.ask(client, shop, PrivacyTopic.REDACT, SECRET, **canary.about_her(), orders_to_redact=[])
    work()

    held = sheet.take_in(
        shop, f"email,phone\n{canary.EMAIL},{canary.PHONE}\nann@example.com,\n",
        channels=["email", "sms"], where="Fair in Porto",
    )  # fmt: skip

    assert held.rejected == 0
    assert sheet.state(shop, canary.EMAIL) is None
    assert sheet.state(shop, canary.PHONE, "sms") is None
    assert sheet.state(shop, "ann@example.com") == "subscribed"
    assert (2, -1, ProblemCode.STAYS) in sheet.flaws_of(held)


def test_l13_an_uninstalled_shop_is_emptied(client, shop, database, tmp_path):
    canary.plant(shop)
    other = other_shop(shop)
    canary.plant(other)
    work()
    held = state_of(other.id)
    with db.transaction() as session:
        uninstall(session, shop.id, clock.now())
    began = time.monotonic()

    canary.ask(client, shop, PrivacyTopic.SHOP_REDACT, SECRET)
    work()

    assert time.monotonic() - began < WITHIN_S
    for table in SQLModel.metadata.sorted_tables:
        if "shop_id" in table.c:
            engine = db.inbox_engine() if table.name in INBOX_TABLES else db.engine()
            with engine.execution_options(all_shops="this test").connect() as connection:
                owners = {row.shop_id for row in connection.execute(table.select())}
            assert shop.id not in owners, table.name
            assert other.id in owners or table.name in data_subject.UNRELATED_TABLES, table.name
    with db.reading() as session:
        assert get_shop(session, shop.id) is None
    assert state_of(other.id) == held
    assert b"dewpoint" not in canary.dump(database, tmp_path).lower()


def test_l13_a_shop_that_came_back_is_not_emptied(client, shop):
    canary.plant(shop)
    held = state_of(shop.id)
    canary.ask(client, shop, PrivacyTopic.SHOP_REDACT, SECRET)
    with db.transaction() as session:
        again = get_shop(session, shop.id)
        again.installed_at = clock.now() + timedelta(seconds=1)
        session.add(again)

    work()

    assert state_of(shop.id)["orders"] == held["orders"]


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        (PrivacyTopic.SHOP_REDACT, {**canary.about_her(), "orders_to_redact": []}),
        (
            PrivacyTopic.SHOP_REDACT,
            {**canary.about_her(), "orders_requested": [], "data_request": {"id": 1}},
        ),
        (
            PrivacyTopic.REDACT,
            {**canary.about_her(), "orders_requested": [], "data_request": {"id": 1}},
        ),
        (PrivacyTopic.DATA_REQUEST, {**canary.about_her(), "orders_to_redact": []}),
        (PrivacyTopic.REDACT, {}),
    ],
)
def test_l13_a_signed_body_does_nothing_under_another_topic(client, shop, topic, body):
    canary.plant(shop)
    held = state_of(shop.id)["orders"]

    canary.ask(client, shop, topic, SECRET, **body)
    work()

    assert state_of(shop.id)["orders"] == held
    with db.inbox_reading() as session:
        assert next(iter(failed_webhooks.quarantined(session, shop.id))).topic == topic


def test_l13_an_unsubscribe_during_erasure_records_no_address(client, shop, database, tmp_path):
    canary.plant(shop)
    (sent,) = [row for row in rows(Message, shop) if row.state == "accepted"]
    target = Target(shop.id, sent.id)
    asked = PrivacyFact(PrivacyTopic.REDACT, clock.now(), "1", HERS)
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        request_id = requests.accept_request(session, shop.id, asked, clock.now())

    for purpose, path in ((links.UNSUBSCRIBE, "u"), (links.PREFERENCES, "p")):
        page = f"/{path}/{links.make_token(purpose, target)}"
        assert client.get(page).status_code == 404
        for said in ({}, {"do": "none"}, {"List-Unsubscribe": "One-Click"}, {"do": "subscribe"}):
            assert client.post(page, data=said).status_code == 404
    with db.transaction() as session:
        gone = SendError("no such user", permanent=True, address_gone=True)
        message = get_message(session, shop.id, sent.id)
        message.state = MessageState.SENDING
        outcome.apply_result(session, message, gone, clock.now())
    requests.run_requests(shop.id, [request_id])
    work()

    assert canary.found_in(canary.dump(database, tmp_path)) == []


def test_l13_an_export_in_progress_at_redaction_is_not_kept(
    client, shop, database, tmp_path, monkeypatch
):
    canary.plant(shop)

    def forget(*_: object) -> str:
        monkeypatch.undo()
        file = export_profile(shop.id, [*HERS])
        asked = PrivacyFact(PrivacyTopic.REDACT, clock.now(), "1", HERS)
        with db.transaction() as session:
            db.lock_shop(session, shop.id)
            requests.accept_request(session, shop.id, asked, clock.now())
        return file

    canary.ask(
        client,
        shop,
        PrivacyTopic.DATA_REQUEST,
        SECRET,
        **canary.about_her(),
        data_request={"id": 9},
        orders_requested=[],
    )
    monkeypatch.setattr(requests, "export_profile", forget)
    work()

    with db.reading() as session:
        assert not any(request.ready for request in privacy_requests.requests_of(session, shop.id))
    assert canary.found_in(canary.dump(database, tmp_path)) == []


def test_l13_analytics_only_browsing_is_exported_and_redacted(client, shop):
    def look(number: int, *, marketing: bool) -> None:
        event = {
            "id": f"e-{number}", "name": "product_viewed", "client_id": "b-1",
            "timestamp": clock.now().isoformat(), "marketing": marketing,
            "url": "http://s/products/serum", "data": {"title": "Serum"},
        }  # fmt: skip
        client.post("/pixel", json={"shop": shop.domain, "events": [event]})

    look(1, marketing=False)
    look(2, marketing=True)
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        her = ProfileFact(
            (IdentityKey("email", "ada@example.com"), IdentityKey("browser_id", "b-1")), clock.now()
        )
        record_facts(session, shop, Facts([her]), clock.now())
    assert len({row.profile_id for row in rows(Event, shop)}) == 2

    copy = json.loads(export_profile(shop.id, [("email", "ada@example.com")]))
    assert [event["unique_id"] for event in copy["tables"]["event"]] == ["e-1", "e-2"]
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        asked = PrivacyFact(
            PrivacyTopic.REDACT, clock.now(), "1", (IdentityKey("email", "ada@example.com"),)
        )
        request_id = requests.accept_request(session, shop.id, asked, clock.now())
    requests.run_requests(shop.id, [request_id])
    work()

    assert [rows(table, shop) for table in (Event, Visit, Identity)] == [[], [], []]
