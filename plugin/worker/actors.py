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

from plugin import clock, lists, onboard
from plugin import jobs as bell
from plugin.flows import advance as step
from plugin.forms.library import publish as publish_forms
from plugin.imports import lifecycle as imports
from plugin.ingest.digest import digest as digest_inbox
from plugin.insight import counts as tallies
from plugin.messages import send as sending
from plugin.offers import coupons
from plugin.privacy import requests as law
from plugin.privacy import retention
from plugin.profiles import duplicates as likeness
from plugin.shopify.api import products as catalog
from plugin.shopify.install import scopes
from plugin.shopify.install import web_pixel as pixel
from plugin.sync import backfill, reconcile, write_backs
from storage import backfills, flows, inbox, messages, reconciliations, shops
from storage import counts as stored_tallies
from storage import coupons as stored_coupons
from storage import duplicates as stored_likeness
from storage import imports as stored_imports
from storage import privacy_requests as requests
from storage import write_backs as stored_write_backs
from storage.engine import db, locks

TICK_S = 0.25
HOUSEKEEPING_EVERY = 8  # ticks: what is not urgent is looked at every two seconds
SYNC_EVERY = 240  # ticks: once a minute
DIGEST_TURN_S = 2.0
FIRST, LAST = -10, 10  # a lower number goes first in Dramatiq; all others have 0
CLAIM = 5_000  # due rows a tick; a lease is long enough for the workers to do as many

UNSYNCED_FOR = timedelta(minutes=1)
# Dramatiq ends an actor after ten minutes; a catalog of 50,000 products takes hours to read.
SYNC_LIMIT_MS = 6 * 3_600_000

log = structlog.get_logger()


@dramatiq.actor(queue_name="digest", max_retries=0)
def digest() -> None:
    """Digest what the inbox holds, for a while; then whatever else waits has its turn."""
    until = time.monotonic() + DIGEST_TURN_S
    digest_inbox(until)
    if time.monotonic() > until:
        bell.ring("digest")


@dramatiq.actor(queue_name="advance", max_retries=0)
def advance(shop_id: int, ids: list[int]) -> None:
    """Do the due steps of these enrolments."""
    step.advance(shop_id, ids)


@dramatiq.actor(queue_name="send", max_retries=0)
def send(shop_id: int, ids: list[int]) -> None:
    """Send these messages."""
    sending.send(shop_id, ids)


@dramatiq.actor(queue_name="send_first", max_retries=0, priority=FIRST)
def send_first(shop_id: int, ids: list[int]) -> None:
    """Send these messages, for which somebody waits, before anything else is done."""
    sending.send(shop_id, ids)


@dramatiq.actor(queue_name="refill", max_retries=0)
def refill(shop_id: int, coupon_ids: list[int]) -> None:
    """Fill these coupons' pools of codes."""
    for coupon_id in coupon_ids:
        coupons.refill(shop_id, coupon_id)


@dramatiq.actor(queue_name="sync", max_retries=0, time_limit=SYNC_LIMIT_MS)
def sync(shop_id: int) -> None:
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
    if scopes.may(shop, "pixel", "write_pixels", "read_customer_events"):
        pixel.ensure_pixel(shop_id)
    publish_forms(shop_id)
    backfill.begin(shop_id)
    bell.ring("backfill", shop_id)
    if scopes.may(shop, "catalog", "read_products"):
        catalog.sync_products(shop_id)  # marks the store as synced
        onboard.seed_library(shop_id)  # its popup asks by what it sells, now that this is known
    else:
        with db.transaction() as session:  # until the scope is allowed, which begins it anew
            shops.mark_synced(session, shop_id, clock.now())


@dramatiq.actor(queue_name="privacy", max_retries=0)
def privacy(shop_id: int, ids: list[int]) -> None:
    """Carry out what shoppers and stores asked of us by law."""
    law.carry_out(shop_id, ids)


@dramatiq.actor(queue_name="backfill", actor_name="backfill", max_retries=0)
def read_past(shop_id: int) -> None:
    """Read on in a store's past, for a while; then the next store has its turn."""
    if backfill.work(shop_id):
        bell.ring("backfill", shop_id)


@dramatiq.actor(queue_name="imports", actor_name="imports", max_retries=0)
def import_profiles(shop_id: int) -> None:
    """Read on in a merchant's file, for a while; then the next store has its turn."""
    if imports.work(shop_id):
        bell.ring("imports", shop_id)


@dramatiq.actor(queue_name="write_back", max_retries=0)
def write_back(shop_id: int) -> None:
    """Bring to Shopify's customers what they should hold, for a while; then others have a turn."""
    if write_backs.work(shop_id):
        bell.ring("write_back", shop_id)


@dramatiq.actor(queue_name="reconcile", actor_name="reconcile", max_retries=0)
def compare(shop_id: int) -> None:
    """Look for what was lost on its way to us, for a while; then the next store has its turn."""
    if reconcile.work(shop_id):
        bell.ring("reconcile", shop_id)


@dramatiq.actor(queue_name="likeness", actor_name="likeness", max_retries=0)
def look_alike(shop_id: int) -> None:
    """Look for likely duplicates, for a while; then the next store has its turn."""
    if likeness.work(shop_id):
        bell.ring("likeness", shop_id)


@dramatiq.actor(queue_name="tallies", actor_name="tallies", max_retries=0)
def count(shop_id: int) -> None:
    """Count anew what a shop has many of."""
    tallies.work(shop_id)


@dramatiq.actor(queue_name="lists", actor_name="lists", max_retries=0)
def drop_lists(shop_id: int) -> None:
    """Drop lists that were deleted long ago, for a while; then the next store has its turn."""
    if lists.work(shop_id):
        bell.ring("lists", shop_id)


@dramatiq.actor(queue_name="retention", actor_name="retention", max_retries=0, priority=LAST)
def drop_over(shop_id: int) -> None:
    """Drop what a store has kept long enough, for a while; the clock rings for the rest."""
    retention.work(shop_id)


@dramatiq.actor(queue_name="publish", max_retries=0)
def publish(shop_id: int) -> None:
    """Tell a storefront which forms are live."""
    publish_forms(shop_id)


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
            tick(housekeeping=ticks % HOUSEKEEPING_EVERY == 0)
            if ticks % SYNC_EVERY == 0:
                sync_new_stores()
                reconcile_stores()
                look_for_duplicates()
                count_again()
                drop_deleted_lists()
                law.expire()
                imports.expire()
                drop_what_is_over()
                retention.drop_access_log()
        except db.TRANSIENT:
            log.warning("clock.database_away")
        ticks += 1
        stopped.wait(TICK_S)
    log.info("clock.stopped")


def tick(*, housekeeping: bool = True) -> None:
    """Claim what is due in every shop and ring the workers for it."""
    now = clock.now()
    with db.transaction() as session:
        steps = flows.claim_due(session, now, CLAIM)
        awaited = messages.claim_due(session, now, CLAIM, transactional=True)
        mails = messages.claim_due(session, now, CLAIM, transactional=False)
    bell.ring_for(sending.bell_of(transactional=True), awaited)
    bell.ring_for("advance", steps)
    bell.ring_for(sending.bell_of(transactional=False), mails)
    if housekeeping:
        with db.inbox_reading() as session:
            undigested = inbox.waiting(session)
        if undigested:
            bell.ring("digest")
        with db.reading() as session:
            low = stored_coupons.low_pools(session)
            past = backfills.due(session, now)
            unread = stored_imports.due(session, now)
            unwritten = stored_write_backs.due_shops(session, now)
        bell.ring_for("refill", low)
        for shop_id in past:
            bell.ring("backfill", shop_id)
        for shop_id in unread:
            bell.ring("imports", shop_id)
        for shop_id in unwritten:
            bell.ring("write_back", shop_id)
        with db.transaction() as session:
            asked = requests.claim_due(session, now, CLAIM)
        bell.ring_for("privacy", asked)
        sending.resolve_stuck()


def sync_new_stores() -> None:
    """Ring for stores whose first ring was lost, or whose sync failed."""
    with db.reading() as session:
        waiting = shops.unsynced(session, clock.now() - UNSYNCED_FOR)
    for shop_id in waiting:
        bell.ring("sync", shop_id)


def reconcile_stores() -> None:
    """Ring for stores that are due to be compared with what Shopify has."""
    with db.reading() as session:
        due = reconciliations.due(session, clock.now())
    for shop_id in due:
        bell.ring("reconcile", shop_id)


def look_for_duplicates() -> None:
    """Ring for stores with profiles that were not compared with their likes."""
    with db.reading() as session:
        new = stored_likeness.shops_to_look_at(session)
    for shop_id in new:
        bell.ring("likeness", shop_id)


def count_again() -> None:
    """Ring for stores whose large figures are no longer fresh."""
    with db.reading() as session:
        old = stored_tallies.older(session, clock.now() - tallies.EVERY)
    for shop_id in old:
        bell.ring("tallies", shop_id)


def drop_deleted_lists() -> None:
    """Ring for stores with lists that can no longer be restored."""
    with db.reading() as session:
        over = lists.shops_to_drop(session)
    for shop_id in over:
        bell.ring("lists", shop_id)


def drop_what_is_over() -> None:
    """Ring for stores with deliveries, events or visits that were kept long enough."""
    for shop_id in retention.shops_to_drop():
        bell.ring("retention", shop_id)
