"""/metrics and its alerts: each fault shows, each alert fires for its fault and rests without."""

import re
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from plugin import clock, jobs
from plugin.runtime import measurements, queues, valkey, web
from plugin.runtime.connect import broker_answers
from plugin.runtime.measurements import Measurements
from plugin.runtime.queues import queue_depths
from plugin.runtime.web import build_app
from plugin.settings import get_settings
from plugin.worker.slices import SLICE_JOBS
from storage import backfills, inbox_claims, messages
from storage.arrivals import NewDelivery, add_deliveries, take_in_arrivals
from storage.backfills import BackfillState, StoreNoun
from storage.engine import db
from storage.engine.ids import new_id
from storage.flows import Enrolment
from storage.inbox import DeliveryState
from storage.messages import MessageState, SkipReason
from storage.privacy_requests import PrivacyRequest, PrivacyTopic
from storage.reconciliations import Reconciliation
from storage.write_backs import WriteBack, WriteBackKind
from tests.faults import rabbitmq
from tests.operations.test_valkey import server
from webhooks import metrics

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "docs" / "monitoring" / "alerts.yml"
[GROUP] = yaml.safe_load(ALERTS.read_text())["groups"]
RULES = {rule["alert"]: rule for rule in GROUP["rules"]}
LATE = timedelta(hours=4)
READY = {"database": True, "broker": True, "migrations": True, "mail": True, "webhooks": True}


@pytest.fixture
def ready():
    """What readiness says; a test may change it."""
    return dict(READY)


@pytest.fixture
def measured(database, shop, ready, data_dir):
    """Return what is measured now: {name: {labels: value}}."""
    data_dir.mkdir()
    readiness = SimpleNamespace(checks=lambda: ready)

    def measure():
        families = text_string_to_metric_families(Measurements(readiness).text().decode())
        return {
            family.name: {tuple(sorted(s.labels.items())): s.value for s in family.samples}
            for family in families
        }

    return measure


def fires(rule, measured):
    """Whether an expression holds: `absent(name)` or `name{label="value"} operator number`."""
    if absent := re.fullmatch(r"absent\((\w+)\)", rule["expr"]):
        return absent[1] not in measured
    name, label, value, operator, limit = re.fullmatch(
        r'(\w+)(?:\{(\w+)="(\w+)"\})? (==|>|<) (\d+)', rule["expr"]
    ).groups()
    chosen = [
        number
        for labels, number in measured[name].items()
        if label is None or (label, value) in labels
    ]
    holds = {"==": float.__eq__, ">": float.__gt__, "<": float.__lt__}[operator]
    return any(holds(number, float(limit)) for number in chosen)


def message(shop, **changes):
    """Messages like one that has been due for an hour."""

    def plant():
        at = clock.now() - timedelta(minutes=30)
        count = changes.pop("count", 1)
        rows = [
            {"shop_id": shop.id, "id": (key := new_id()), "idempotency_key": f"flow:{key}",
             "profile_id": 1, "channel": "email", "transactional": False, "template_id": 1,
             "due_at": at, "created_at": at} | changes
            for _ in range(count)
        ]  # fmt: skip
        with db.transaction() as session:
            messages.add_messages(session, rows)

    return plant


def deliveries(shop, state):
    """A webhook of four hours ago."""

    def plant():
        at = clock.now() - LATE
        add_deliveries([NewDelivery(shop.id, "w1", "orders/create", "", "", at, b"{}")])
        if state == DeliveryState.QUARANTINED:
            with db.inbox_transaction() as session:
                take_in_arrivals(session)
                inbox_claims.settle_deliveries(session, shop.id, ["w1"], state, error="no")

    return plant


def row(table, **columns):
    """A row that has been due for four hours."""

    def plant():
        with db.transaction() as session:
            session.add(table(due_at=clock.now() - LATE, **columns))

    return plant


def failed_stage(shop):
    """A store of which the history failed."""

    def plant():
        with db.transaction() as session:
            backfills.start_stages(session, shop, [StoreNoun.ORDERS], clock.now())
            backfills.stages_of(session, shop.id)[0].state = BackfillState.FAILED

    return plant


def fault(alert, shop, ready, monkeypatch):
    """What makes an alert fire."""
    about = {"shop_id": shop.id, "id": 1}
    put_off = {"due_at": clock.now() + LATE}
    now = clock.now()
    usage = SimpleNamespace(free=1e9, total=9e9)
    faults = {
        "RegularsDatabaseAway": lambda: ready.update(database=False),
        "RegularsBrokerAway": lambda: ready.update(broker=False),
        "RegularsDatabaseOfAnotherVersion": lambda: ready.update(migrations=False),
        "RegularsNoRelay": lambda: ready.update(mail=False),
        "RegularsDiskNearlyFull": lambda: monkeypatch.setattr(
            measurements.shutil, "disk_usage", lambda path: usage
        ),
        "RegularsDigestLate": deliveries(shop, DeliveryState.NEW),
        "RegularsWebhooksFailed": deliveries(shop, DeliveryState.QUARANTINED),
        "RegularsMessagesLate": message(shop),
        "RegularsRelayPutsOff": message(
            shop, count=21, skip_reason=SkipReason.TRY_AGAIN, **put_off
        ),
        "RegularsRelayAway": message(shop, skip_reason=SkipReason.RELAY_AWAY, **put_off),
        "RegularsSenderRefused": message(shop, skip_reason=SkipReason.SENDER_REFUSED, **put_off),
        "RegularsMessagesGivenUp": message(
            shop, state=MessageState.FAILED, skip_reason=SkipReason.GAVE_UP
        ),
        "RegularsMessagesRejected": message(
            shop, count=21, state=MessageState.FAILED, skip_reason=SkipReason.REJECTED
        ),
        "RegularsMessagesInDoubt": message(
            shop, count=6, state=MessageState.AMBIGUOUS, skip_reason=SkipReason.AMBIGUOUS
        ),
        "RegularsFlowsLate": row(
            Enrolment, **about, flow_id=1, version=1, profile_id=1, trigger_key="t",
            action_id="a", started_at=now, entered_at=now,
        ),
        "RegularsPrivacyRequestsLate": row(
            PrivacyRequest, **about, dedupe_key="d", kind=PrivacyTopic.REDACT,
            requested_at=now,
        ),
        "RegularsWriteBacksLate": row(
            WriteBack, **about, dedupe_key="d", kind=WriteBackKind.TAG, name="vip", value="on",
            requested_at=now,
        ),
        "RegularsHistoryLate": row(
            backfills.Backfill, shop_id=shop.id, stage=StoreNoun.ORDERS, generation=1,
            stage_order=1, started_at=now,
        ),
        "RegularsHistoryFailed": failed_stage(shop),
        "RegularsComparisonLate": row(
            Reconciliation, shop_id=shop.id, noun=StoreNoun.ORDERS, generation=1, since=now,
        ),
    }  # fmt: skip
    return faults[alert]


@pytest.mark.parametrize("alert", [name for name in RULES if name != "RegularsDown"])
def test_o07_an_alert_fires_for_its_fault_and_rests_without(
    measured, shop, ready, monkeypatch, alert
):
    assert not fires(RULES[alert], measured())

    fault(alert, shop, ready, monkeypatch)()

    assert fires(RULES[alert], measured())


def test_o07_every_alert_says_what_it_means_and_what_to_do_and_one_that_regulars_is_down(measured):
    assert not fires(RULES["RegularsDown"], measured())
    assert fires(RULES["RegularsDown"], {})
    for rule in RULES.values():
        assert {"summary", "meaning", "action"} == {*rule["annotations"]}
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_o06_what_has_no_name_of_a_store_or_shopper_is_told_of_every_part(measured, shop):
    message(shop, address="mia@example.com", count=2)()

    told = measured()

    assert told["regulars_messages_overdue"] == {(("channel", "email"),): 2}
    assert told["regulars_stores"][(("state", "installed"),)] == 1
    said = str(told)
    assert not any(word in said for word in ("mia@example.com", "dewpoint", str(shop.id)))


def test_o06_what_is_measured_counts_for_five_seconds_and_has_an_end(
    measured, shop, ready, monkeypatch
):
    monkeypatch.setattr("storage.workload.MAX_ROWS", 3)
    message(shop, count=5)()
    assert measured()["regulars_messages_due"] == {(("channel", "email"),): 3}
    asked = []
    held = Measurements(SimpleNamespace(checks=lambda: asked.append(1) or ready))
    texts = {held.text() for _ in range(10)}
    assert (len(texts), len(asked)) == (1, 1)
    later = measurements.time.monotonic() + measurements.CACHE_S + 0.1
    monkeypatch.setattr(measurements.time, "monotonic", lambda: later)
    held.text()
    assert len(asked) == 2


def test_o06_each_queue_that_an_actor_has_is_measured():
    declared = "".join(path.read_text() for path in (ROOT / "plugin" / "worker").glob("*.py"))
    named = {*re.findall(r'queue_name="(\w+)"', declared)}

    assert {*jobs.QUEUES} == named | {job.name for job in SLICE_JOBS}


def test_o06_the_depth_of_each_queue_is_the_brokers(tmp_path):
    with server(tmp_path / "data"):
        broker = jobs.connect(valkey.server_address(tmp_path / "data"))
        assert queue_depths(broker) == dict.fromkeys(jobs.QUEUES, 0)
        jobs.enqueue("digest")
        jobs.enqueue("send", 1, [1])
        jobs.enqueue("send", 1, [2])
        depths = queue_depths(broker)
        broker.client.close()
    assert (depths["digest"], depths["send"], sum(depths.values())) == (1, 2, 3)
    assert queue_depths(jobs.connect("redis://127.0.0.1:1")) == {}


@rabbitmq.needed
def test_o06_the_depth_of_each_queue_is_rabbitmqs_also_after_a_silence(tmp_path, monkeypatch):
    monkeypatch.setattr(queues, "QUEUES", ("digest", "send", "never_declared"))
    with rabbitmq.rabbitmq(tmp_path / "rabbitmq") as node:
        broker = jobs.connect(f"{node.url}/?heartbeat=1")
        for name in ("digest", "send"):
            broker.declare_queue(name, ensure=True)
        for each in ("digest", "send", "send"):
            jobs.enqueue(each)
        wanted = {"digest": 1, "send": 2, "never_declared": 0}
        assert queue_depths(broker) == wanted
        time.sleep(5)  # RabbitMQ has closed the connection of this thread by now
        assert broker_answers(broker)
        assert queue_depths(broker) == wanted
        time.sleep(5)
        assert queue_depths(broker) == wanted
        node.kill()
        assert queue_depths(broker) == {}
        assert not broker_answers(broker)


@pytest.mark.parametrize(
    ("client", "headers", "token", "status"),
    [
        ("127.0.0.1", {}, "", 200),
        ("::1", {}, "", 200),
        ("192.0.2.9", {}, "", 403),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.9"}, "", 403),
        ("127.0.0.1", {}, "a token of some length", 403),
        (
            "127.0.0.1",
            {"Authorization": "Bearer a token of some lengtH"},
            "a token of some length",
            403,
        ),
        (
            "192.0.2.9",
            {"Authorization": "Bearer a token of some length"},
            "a token of some length",
            200,
        ),
    ],
)
def test_o06_metrics_are_for_this_machine_or_for_who_knows_the_token(
    shop, monkeypatch, client, headers, token, status
):
    monkeypatch.setenv("REGULARS_METRICS_TOKEN", token)
    get_settings.cache_clear()
    monkeypatch.setattr(web, "broker_answers", lambda broker: True)
    app = build_app(metrics.routes(), https=False)

    answer = TestClient(app, client=(client, 1)).get("/metrics", headers=headers)

    get_settings.cache_clear()
    assert answer.status_code == status
    assert ("regulars_ready" in answer.text) == (status == 200)
