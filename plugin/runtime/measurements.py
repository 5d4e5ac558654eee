"""Measurements for Prometheus: what waits, how late it is, and what failed. No personal data and no
store's name; each set counts for a few seconds, however many ask.
"""

import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import dramatiq
import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from sqlmodel import SQLModel

from plugin import clock
from plugin.channels.registry import CHANNELS
from plugin.runtime.queues import queue_depths
from plugin.runtime.web import Readiness
from plugin.settings import get_settings
from storage import workload
from storage.engine import db
from storage.flows import Enrolment, EnrolmentState
from storage.privacy_requests import PrivacyRequest, PrivacyRequestState
from storage.workload import Backlog
from storage.write_backs import WriteBack, WriteBackState

CACHE_S = 5.0
OVERDUE_AFTER = timedelta(minutes=1)
FAILED_WITHIN = timedelta(hours=1)

TABLES: dict[str, tuple[type[SQLModel], str]] = {
    "enrolment": (Enrolment, EnrolmentState.WAITING),
    "write_back": (WriteBack, WriteBackState.DUE),
    "privacy_request": (PrivacyRequest, PrivacyRequestState.NEW),
}
Samples = Iterable[tuple[tuple[str, ...], float]]
log = structlog.get_logger()


class Measurements(Collector):
    """The text of the last measurements; concurrent callers share one."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness
        self._lock = threading.Lock()
        self._text = b""
        self._until = float("-inf")

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        with self._lock:
            if time.monotonic() > self._until:
                self._text = generate_latest(self)
                self._until = time.monotonic() + CACHE_S
            return self._text

    def collect(self) -> Iterator[Metric]:
        """Measure. While the database is away, what stands in it is left out."""
        ready = self._readiness.checks()
        yield _gauge("info", "The version that runs.", [((version("regulars"),), 1)], "version")
        parts = [((part,), float(is_there)) for part, is_there in ready.items()]
        yield _gauge("ready", "Whether a part answers (1) or not (0).", parts, "part")
        yield from _disk(get_settings().data_dir)
        depths = [((queue,), n) for queue, n in queue_depths(dramatiq.get_broker()).items()]
        yield _gauge("queue_messages", "Jobs that wait in the broker.", depths, "queue")
        if ready["database"]:
            try:
                yield from [*_deliveries(), *_messages(), *_rows()]
            except db.TRANSIENT as error:
                log.warning("metrics.database_away", error=type(error).__name__)


def _disk(data_dir: Path) -> Iterator[Metric]:
    try:
        usage = shutil.disk_usage(data_dir)
    except OSError:
        return
    yield _gauge("disk_free_bytes", "Free room where the data folder is.", [((), usage.free)])
    yield _gauge("disk_total_bytes", "Room where the data folder is.", [((), usage.total)])


def _deliveries() -> Iterator[Metric]:
    with db.inbox_reading() as session:
        new = workload.new_deliveries(session)
        quarantined = workload.count_quarantined(session)
    states = [(("new",), new.due), (("quarantined",), quarantined)]
    yield _gauge("deliveries", "Webhooks that were not digested.", states, "state")
    lag = [((), _age(new, clock.now()))]
    yield _gauge("digest_lag_seconds", "How long the oldest new webhook has waited.", lag)


def _messages() -> Iterator[Metric]:
    now = clock.now()
    with db.reading() as session:
        waiting = {
            row.channel: row for row in workload.due_messages(session, now, now - OVERDUE_AFTER)
        }
        put_off = workload.messages_put_off(session, now)
        failed = workload.messages_failed(session, now - FAILED_WITHIN)
    due, overdue, lag = [], [], []
    for channel in CHANNELS:
        row = waiting.get(channel)
        due.append(((channel,), row.due if row else 0))
        overdue.append(((channel,), row.overdue if row else 0))
        lag.append(((channel,), (now - row.oldest).total_seconds() if row else 0.0))
    yield _gauge("messages_due", "Messages that are due.", due, "channel")
    yield _gauge("messages_overdue", "Of these, for longer than a minute.", overdue, "channel")
    yield _gauge("message_lag_seconds", "How long the oldest due one waits.", lag, "channel")
    later = [((row.channel, row.reason), row.number) for row in put_off]
    yield _gauge("messages_put_off", "Messages for later, by why.", later, "channel", "reason")
    lost = [((row.channel, row.state, row.reason), row.number) for row in failed]
    yield _gauge("messages_failed", "Messages of the last hour that failed, or may have.", lost,
                 "channel", "state", "reason")  # fmt: skip


def _rows() -> Iterator[Metric]:
    now = clock.now()
    with db.reading() as session:
        backfill, failed_stages = workload.backfill_states(session, now)
        installed, uninstalled = workload.count_shops(session)
        kinds = {
            kind: workload.due_rows(session, table, state, now)
            for kind, (table, state) in TABLES.items()
        } | {
            "backfill": backfill,
            "reconciliation": workload.due_reconciliations(session, now),
        }
    due = [((kind,), backlog.due) for kind, backlog in kinds.items()]
    yield _gauge("rows_due", "Work that is due, by kind.", due, "kind")
    lag = [((kind,), _age(backlog, now)) for kind, backlog in kinds.items()]
    yield _gauge("row_lag_seconds", "How long the oldest of it waits.", lag, "kind")
    stages = [((), failed_stages)]
    yield _gauge("backfill_stages_failed", "Parts of stores' histories that failed.", stages)
    states = [(("installed",), installed), (("uninstalled",), uninstalled)]
    yield _gauge("stores", "Stores.", states, "state")


def _age(backlog: Backlog, now: datetime) -> float:
    return max(0.0, (now - backlog.oldest).total_seconds()) if backlog.oldest else 0.0


def _gauge(name: str, says: str, samples: Samples, *labels: str) -> Metric:
    made = GaugeMetricFamily(f"regulars_{name}", says, labels=labels)
    for values, number in samples:
        made.add_metric(values, number)
    return made
