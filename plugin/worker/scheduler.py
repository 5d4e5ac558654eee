"""The clock: finds what is due in the database, and enqueues it for the workers.

What is enqueued twice is done once, so any number of clocks may run at once; and what a worker
never received is found again.
"""

import signal
import threading
from datetime import timedelta
from types import FrameType

import structlog

from plugin import clock, jobs
from plugin.imports import lifecycle
from plugin.jobs import SliceJob
from plugin.messages import send
from plugin.privacy import requests, retention
from plugin.worker.slices import SLICE_JOBS
from storage import coupons, flows, inbox_claims, message_claims, privacy_requests, shops
from storage.engine import db

TICK_S = 0.25
HOUSEKEEPING_INTERVAL = timedelta(seconds=2)  # for what is not urgent
SYNC_INTERVAL = timedelta(minutes=1)
MAX_SYNC_AGE = timedelta(minutes=1)
CLAIM_BATCH_SIZE = 5_000  # due rows a tick; a lease is long enough for the workers to do as many

log = structlog.get_logger()


def run_clock() -> None:
    """Enqueue what is due until SIGTERM or SIGINT."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log.info("clock.started")
    ticks = 0
    while not stopped.is_set():
        try:
            run_tick(ticks)
        except db.TRANSIENT:
            log.warning("clock.database_away")
        ticks += 1
        stopped.wait(TICK_S)
    log.info("clock.stopped")


def run_tick(ticks: int) -> None:
    """Do what has its turn at this tick of the clock."""
    enqueue_due_work()
    if _is_turn(ticks, HOUSEKEEPING_INTERVAL):
        enqueue_housekeeping()
    enqueue_slices([job for job in SLICE_JOBS if _is_turn(ticks, job.interval)])
    if _is_turn(ticks, SYNC_INTERVAL):
        enqueue_catalog_syncs()
        requests.expire_exports()
        lifecycle.expire_imports()
        retention.delete_access_log()
        retention.delete_mailbox_counts()


def _is_turn(ticks: int, interval: timedelta) -> bool:
    return ticks % round(interval.total_seconds() / TICK_S) == 0


def enqueue_due_work() -> None:
    """Claim the flow steps and messages that are due in every shop, and enqueue them."""
    now = clock.now()
    # While a relay is slow its senders take few offers; the same ones again would pile up.
    first, later = (send.actor_for(transactional=kind) for kind in (True, False))
    first_most, most = (
        0 if jobs.is_backed_up(each) else CLAIM_BATCH_SIZE for each in (first, later)
    )
    with db.transaction() as session:
        steps = flows.claim_due(session, now, CLAIM_BATCH_SIZE)
        awaited = message_claims.claim_due(session, now, first_most, transactional=True)
        others = message_claims.claim_due(session, now, most, transactional=False)
    jobs.enqueue_for_rows(first, awaited)
    jobs.enqueue_for_rows("advance", steps)
    jobs.enqueue_for_rows(later, others)


def enqueue_housekeeping() -> None:
    """Enqueue deliveries, coupons and privacy requests that wait, and settle stuck messages."""
    with db.inbox_reading() as session:
        is_undigested = inbox_claims.has_due(session)
    if is_undigested:
        jobs.enqueue("digest")
    with db.reading() as session:
        low = coupons.coupons_to_refill(session)
    jobs.enqueue_for_rows("refill", low)
    with db.transaction() as session:
        asked = privacy_requests.claim_due(session, clock.now(), CLAIM_BATCH_SIZE)
    jobs.enqueue_for_rows("privacy", asked)
    send.resolve_stuck()


def enqueue_slices(due_jobs: list[SliceJob]) -> None:
    """Enqueue a slice of each of these jobs for each shop that has work for it."""
    if not due_jobs:
        return
    with db.reading() as session:
        now = clock.now()
        found = [(job.name, job.find_due_shops(session, now)) for job in due_jobs]
    for name, shop_ids in found:
        for shop_id in shop_ids:
            jobs.enqueue(name, shop_id)


def enqueue_catalog_syncs() -> None:
    """Enqueue the sync of stores with a lost first job or a failed sync."""
    with db.reading() as session:
        waiting = shops.unsynced(session, clock.now() - MAX_SYNC_AGE)
    for shop_id in waiting:
        jobs.enqueue("sync", shop_id)
