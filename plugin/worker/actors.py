"""The workers' side of the bell, and the clock that rings it. In: ids. Out: work done.

Actors never retry by themselves: what a crash or an error left undone keeps its row, and the clock
offers it again when its lease has run out.
"""

import signal
import threading
import time
from datetime import timedelta
from types import FrameType

import dramatiq
import structlog

from plugin import clock, jobs, lists, onboard
from plugin.flows import advance as flow_advance
from plugin.forms import library
from plugin.imports import lifecycle
from plugin.ingest.digest import digest_deliveries as digest_inbox
from plugin.insight import counts
from plugin.messages import send as sending
from plugin.offers import coupons
from plugin.privacy import requests, retention
from plugin.profiles import duplicates
from plugin.shopify.api import products
from plugin.shopify.install import scopes, web_pixel
from plugin.sync import backfill, reconcile, write_backs
from storage import (
    backfills,
    flows,
    imports,
    inbox,
    messages,
    privacy_requests,
    reconciliations,
    shops,
)
from storage import counts as stored_counts
from storage import coupons as stored_coupons
from storage import duplicates as stored_duplicates
from storage import write_backs as stored_write_backs
from storage.engine import db, locks

TICK_S = 0.25
HOUSEKEEPING_INTERVAL = 8  # ticks: what is not urgent is looked at every two seconds
SYNC_INTERVAL = 240  # ticks: once a minute
DIGEST_SLICE_SECONDS = 2.0
FIRST, LAST = -10, 10  # a lower number goes first in Dramatiq; all others have 0
CLAIM_BATCH_SIZE = 5_000  # due rows a tick; a lease is long enough for the workers to do as many

MAX_SYNC_AGE = timedelta(minutes=1)
# Dramatiq ends an actor after ten minutes; a catalog of 50,000 products takes hours to read.
SYNC_LIMIT_MS = 6 * 3_600_000

log = structlog.get_logger()


@dramatiq.actor(queue_name="digest", max_retries=0)
def digest() -> None:
    """Digest what the inbox holds, for a while; then whatever else waits has its turn."""
    until = time.monotonic() + DIGEST_SLICE_SECONDS
    digest_inbox(until)
    if time.monotonic() > until:
        jobs.enqueue("digest")


@dramatiq.actor(queue_name="advance", max_retries=0)
def advance(shop_id: int, ids: list[int]) -> None:
    """Do the due steps of these enrolments."""
    flow_advance.advance_enrolments(shop_id, ids)


@dramatiq.actor(queue_name="send", max_retries=0)
def send(shop_id: int, ids: list[int]) -> None:
    """Send these messages."""
    sending.send_messages(shop_id, ids)


@dramatiq.actor(queue_name="send_first", max_retries=0, priority=FIRST)
def send_first(shop_id: int, ids: list[int]) -> None:
    """Send these messages, for which somebody waits, before anything else is done."""
    sending.send_messages(shop_id, ids)


@dramatiq.actor(queue_name="refill", max_retries=0)
def refill_coupons(shop_id: int, coupon_ids: list[int]) -> None:
    """Fill these coupons' pools of codes."""
    for coupon_id in coupon_ids:
        coupons.refill_codes(shop_id, coupon_id)


@dramatiq.actor(queue_name="sync", max_retries=0, time_limit=SYNC_LIMIT_MS)
def sync_catalog(shop_id: int) -> None:
    """Seed a new store's library, start its pixel and read its catalog. Twice is a no-op.

    The clock rings once a minute until it is done; whoever comes second leaves it to the first,
    or a store with a large catalog would soon have every worker.
    """
    try:
        with locks.exclusive(f"sync-{shop_id}", wait_s=0):
            _sync(shop_id)
    except locks.LockTimeoutError:
        return


def _sync(shop_id: int) -> None:
    with db.reading() as session:
        shop = shops.get_shop(session, shop_id)
    if shop is None:
        return
    onboard.seed_library(shop_id)
    if scopes.is_allowed_or_logged(shop, "pixel", "write_pixels", "read_customer_events"):
        web_pixel.ensure_pixel(shop_id)
    publish_forms(shop_id)
    backfill.begin_backfill(shop_id)
    jobs.enqueue("backfill", shop_id)
    if scopes.is_allowed_or_logged(shop, "catalog", "read_products"):
        products.sync_products(shop_id)  # marks the store as synced
        onboard.seed_library(shop_id)  # its popup asks by what it sells, now that this is known
    else:
        with db.transaction() as session:  # until the scope is allowed, which begins it anew
            shops.mark_synced(session, shop_id, clock.now())


@dramatiq.actor(queue_name="privacy", max_retries=0)
def run_privacy_requests(shop_id: int, ids: list[int]) -> None:
    """Carry out what shoppers and stores asked of us by law."""
    requests.run_requests(shop_id, ids)


@dramatiq.actor(queue_name="backfill", actor_name="backfill", max_retries=0)
def run_backfill(shop_id: int) -> None:
    """Read on in a store's past, for a while; then the next store has its turn."""
    if backfill.backfill_slice(shop_id):
        jobs.enqueue("backfill", shop_id)


@dramatiq.actor(queue_name="imports", actor_name="imports", max_retries=0)
def import_profiles(shop_id: int) -> None:
    """Read on in a merchant's file, for a while; then the next store has its turn."""
    if lifecycle.import_slice(shop_id):
        jobs.enqueue("imports", shop_id)


@dramatiq.actor(queue_name="write_back", max_retries=0)
def write_back(shop_id: int) -> None:
    """Bring to Shopify's customers what they should hold, for a while; then others have a turn."""
    if write_backs.write_slice(shop_id):
        jobs.enqueue("write_back", shop_id)


@dramatiq.actor(queue_name="reconcile", actor_name="reconcile", max_retries=0)
def reconcile_shop(shop_id: int) -> None:
    """Look for what was lost on its way to us, for a while; then the next store has its turn."""
    if reconcile.reconcile_slice(shop_id):
        jobs.enqueue("reconcile", shop_id)


@dramatiq.actor(queue_name="likeness", actor_name="likeness", max_retries=0)
def find_duplicates(shop_id: int) -> None:
    """Look for likely duplicates, for a while; then the next store has its turn."""
    if duplicates.find_duplicates_slice(shop_id):
        jobs.enqueue("likeness", shop_id)


@dramatiq.actor(queue_name="tallies", actor_name="tallies", max_retries=0)
def refresh_counts(shop_id: int) -> None:
    """Count anew what a shop has many of."""
    counts.refresh_counts(shop_id)


@dramatiq.actor(queue_name="lists", actor_name="lists", max_retries=0)
def delete_lists(shop_id: int) -> None:
    """Drop lists that were deleted long ago, for a while; then the next store has its turn."""
    if lists.delete_slice(shop_id):
        jobs.enqueue("lists", shop_id)


@dramatiq.actor(queue_name="retention", actor_name="retention", max_retries=0, priority=LAST)
def apply_retention(shop_id: int) -> None:
    """Drop what a store has kept long enough, for a while; the clock rings for the rest."""
    retention.retention_slice(shop_id)


@dramatiq.actor(queue_name="publish", max_retries=0)
def publish_forms(shop_id: int) -> None:
    """Tell a storefront which forms are live."""
    library.publish(shop_id)


def run_clock() -> None:
    """Ring for whatever is due, until SIGTERM or SIGINT. Any number of clocks may run at once."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log.info("clock.started")
    ticks = 0
    while not stopped.is_set():
        try:
            enqueue_due_work(housekeeping=ticks % HOUSEKEEPING_INTERVAL == 0)
            if ticks % SYNC_INTERVAL == 0:
                enqueue_catalog_syncs()
                enqueue_reconciliations()
                enqueue_duplicate_checks()
                enqueue_counts()
                enqueue_list_deletions()
                requests.expire_exports()
                lifecycle.expire_imports()
                enqueue_retention()
                retention.delete_access_log()
        except db.TRANSIENT:
            log.warning("clock.database_away")
        ticks += 1
        stopped.wait(TICK_S)
    log.info("clock.stopped")


def enqueue_due_work(*, housekeeping: bool = True) -> None:
    """Claim what is due in every shop and ring the workers for it."""
    now = clock.now()
    with db.transaction() as session:
        steps = flows.claim_due(session, now, CLAIM_BATCH_SIZE)
        awaited = messages.claim_due(session, now, CLAIM_BATCH_SIZE, transactional=True)
        mails = messages.claim_due(session, now, CLAIM_BATCH_SIZE, transactional=False)
    jobs.enqueue_for_rows(sending.actor_for(transactional=True), awaited)
    jobs.enqueue_for_rows("advance", steps)
    jobs.enqueue_for_rows(sending.actor_for(transactional=False), mails)
    if housekeeping:
        with db.inbox_reading() as session:
            undigested = inbox.has_due(session)
        if undigested:
            jobs.enqueue("digest")
        with db.reading() as session:
            low = stored_coupons.coupons_to_refill(session)
            past = backfills.due_shops(session, now)
            unread = imports.due_shops(session, now)
            unwritten = stored_write_backs.due_shops(session, now)
        jobs.enqueue_for_rows("refill", low)
        for shop_id in past:
            jobs.enqueue("backfill", shop_id)
        for shop_id in unread:
            jobs.enqueue("imports", shop_id)
        for shop_id in unwritten:
            jobs.enqueue("write_back", shop_id)
        with db.transaction() as session:
            asked = privacy_requests.claim_due(session, now, CLAIM_BATCH_SIZE)
        jobs.enqueue_for_rows("privacy", asked)
        sending.resolve_stuck()


def enqueue_catalog_syncs() -> None:
    """Ring for stores whose first ring was lost, or whose sync failed."""
    with db.reading() as session:
        waiting = shops.unsynced(session, clock.now() - MAX_SYNC_AGE)
    for shop_id in waiting:
        jobs.enqueue("sync", shop_id)


def enqueue_reconciliations() -> None:
    """Ring for stores that are due to be compared with what Shopify has."""
    with db.reading() as session:
        due = reconciliations.due_shops(session, clock.now())
    for shop_id in due:
        jobs.enqueue("reconcile", shop_id)


def enqueue_duplicate_checks() -> None:
    """Ring for stores with profiles that were not compared with their likes."""
    with db.reading() as session:
        new = stored_duplicates.shops_with_unchecked(session)
    for shop_id in new:
        jobs.enqueue("likeness", shop_id)


def enqueue_counts() -> None:
    """Ring for stores whose large figures are no longer fresh."""
    with db.reading() as session:
        old = stored_counts.shops_with_stale_counts(session, clock.now() - counts.REFRESH_INTERVAL)
    for shop_id in old:
        jobs.enqueue("tallies", shop_id)


def enqueue_list_deletions() -> None:
    """Ring for stores with lists that can no longer be restored."""
    with db.reading() as session:
        over = lists.shops_to_drop(session)
    for shop_id in over:
        jobs.enqueue("lists", shop_id)


def enqueue_retention() -> None:
    """Ring for stores with deliveries, events or visits that were kept long enough."""
    for shop_id in retention.shops_due():
        jobs.enqueue("retention", shop_id)
