"""The actors that Dramatiq runs, but for those that send: each gets ids and does their work.

Actors never retry by themselves: what a crash or an error left undone keeps its row, and the clock
enqueues it again when its lease has run out.
"""

import time

import dramatiq

from plugin import clock, jobs, onboard
from plugin.flows.advance import advance_enrolments
from plugin.forms import library as form_library
from plugin.ingest.digest import digest_deliveries
from plugin.offers import coupons
from plugin.privacy import requests
from plugin.shopify.install import scopes, web_pixel
from plugin.sync import backfill, products
from plugin.worker.slices import SLICE_JOBS, declare_slice_actor
from storage import shops
from storage.engine import db, locks

DIGEST_SLICE_SECONDS = 2.0
# Dramatiq ends an actor after ten minutes; a catalog of 50,000 products takes hours to read.
SYNC_LIMIT_MS = 6 * 3_600_000


@dramatiq.actor(queue_name="digest", max_retries=0)
def digest() -> None:
    """Digest what the inbox holds, for a while; then other work has its turn."""
    until = time.monotonic() + DIGEST_SLICE_SECONDS
    digest_deliveries(until)
    if time.monotonic() > until:
        jobs.enqueue("digest")


@dramatiq.actor(queue_name="advance", max_retries=0)
def advance(shop_id: int, ids: list[int]) -> None:
    """Do the due steps of these enrolments."""
    advance_enrolments(shop_id, ids)


@dramatiq.actor(actor_name="refill", queue_name="refill", max_retries=0)
def refill_coupons(shop_id: int, coupon_ids: list[int]) -> None:
    """Fill these coupons' pools of codes."""
    for coupon_id in coupon_ids:
        coupons.refill_codes(shop_id, coupon_id)


@dramatiq.actor(actor_name="sync", queue_name="sync", max_retries=0, time_limit=SYNC_LIMIT_MS)
def sync_catalog(shop_id: int) -> None:
    """Seed a new store's library, start its pixel and read its catalog. Twice is a no-op.

    The clock enqueues it once a minute until it is done. One worker syncs and the others leave it
    to that one, or a store with a large catalog would soon have every worker.
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
        # its popup's question depends on the products, which are known now
        onboard.seed_library(shop_id)
    else:
        with db.transaction() as session:  # until the scope is allowed, which begins it anew
            shops.mark_synced(session, shop_id, clock.now())


@dramatiq.actor(actor_name="privacy", queue_name="privacy", max_retries=0)
def run_privacy_requests(shop_id: int, ids: list[int]) -> None:
    """Carry out the privacy requests of shoppers and stores."""
    requests.run_requests(shop_id, ids)


@dramatiq.actor(actor_name="publish", queue_name="publish", max_retries=0)
def publish_forms(shop_id: int) -> None:
    """Tell a storefront which forms are live."""
    form_library.publish(shop_id)


SLICE_ACTORS = {job.name: declare_slice_actor(job) for job in SLICE_JOBS if not job.sends}
