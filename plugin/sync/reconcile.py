"""Reconcile: find what changed at Shopify since the last time and repair what differs here.

Webhooks get lost: Shopify gives up after four hours without a notice. So every hour each noun is
read through a window of `updated_at` and compared with our rows. A difference is recorded as its
webhook would have been. The window is a row of `reconciliation` that advances in the transaction
which records: after a crash the next worker continues from there.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session

from plugin import clock, jobs
from plugin.errors import ConcurrentChangeError, RegularsError
from plugin.jobs import Progress, SliceJob
from plugin.shopify.api import pages
from plugin.shopify.install.scopes import is_allowed
from plugin.sync import backfill, unread, webhook_audit
from plugin.sync.repair import ReadPage, RepairResult, parse_nodes, repair_records
from plugin.sync.unread import UnreadNode
from storage import backfills, inbox_claims, reconciliations, shops
from storage.backfills import BackfillState, StoreNoun
from storage.engine import db
from storage.reconciliations import Reconciliation
from storage.shops import Shop

NOUNS = (
    StoreNoun.CUSTOMERS,
    StoreNoun.PRODUCTS,
    StoreNoun.ORDERS,
    StoreNoun.CHECKOUTS,
    StoreNoun.REFUNDS,
    StoreNoun.RETURNS,
    StoreNoun.FULFILMENTS,
    StoreNoun.COLLECTIONS,
    StoreNoun.STOCK,
    StoreNoun.SUBSCRIPTIONS,
    StoreNoun.DELETIONS,
    StoreNoun.COLLECTION_DELETIONS,
)
# Those that are no stage of the history, with the stage from the beginning of which they can be
# compared.
FOLLOWED_STAGES = {
    **dict.fromkeys(pages.PARTS_OF_ORDERS, StoreNoun.ORDERS),
    StoreNoun.DELETIONS: StoreNoun.PRODUCTS,
    StoreNoun.COLLECTION_DELETIONS: StoreNoun.COLLECTIONS,
}
BACKFILL_READ = "read"  # the place behind the last page
EVERY = timedelta(hours=1)
SETTLING_TIME = timedelta(minutes=10)  # for webhooks on their way: Shopify's first three retries
OVERLAP = timedelta(minutes=30)  # clocks differ, Shopify's search lags, checkouts are left slowly
# Records in a window; more make it shorter, for Shopify pages no further than 25,000. The points of
# the smallest plan read so many orders in under an hour, at two lines each.
MAX_RECORDS_PER_WINDOW = 10_000
MIN_WINDOW = timedelta(minutes=1)  # what changed within it is read, however much it is
RETRY_DELAY = timedelta(minutes=5)  # behind by more than this, the next window is read at once
FIRST_REST, LONGEST_REST = timedelta(seconds=5), timedelta(minutes=30)
INBOX_WAIT = timedelta(seconds=10)  # until the digest has caught up
REPAIRS_KEPT_FOR = timedelta(days=30)  # how long repairs are listed

log = structlog.get_logger()


def advance_reconciliation(shop_id: int) -> Progress:
    """Open the window of a noun that is due, compare its next page, or close it."""
    found = _next(shop_id)
    if found is None:
        _begin(shop_id)
        found = _next(shop_id)
    if found is None:
        return Progress.DONE
    _step(*found)
    return Progress.MORE


SLICE_JOB = SliceJob(
    "reconcile",
    advance_reconciliation,
    reconciliations.due_shops,
    interval=timedelta(seconds=10),
)


def make_due_now(shop_id: int) -> None:
    """Make each noun due now, in spite of earlier failures and delays."""
    _begin(shop_id)
    with db.transaction() as session:
        for held in reconciliations.of_shop(session, shop_id):
            reconciliations.save_progress(session, held, due_at=clock.now(), error="")


def missing_scopes(shop: Shop, noun: StoreNoun) -> str:
    """Why a noun is left out: what the store has not granted; empty when it is not."""
    lacking = [scope for scope in pages.SCOPES[noun] if not is_allowed(shop, scope)]
    return f"the store has not granted {' and '.join(lacking)}" if lacking else ""


def _begin(shop_id: int) -> None:
    """Start with the nouns that were backfilled, each at the start of its backfill; begin to read
    the past of those that were not.
    """
    backfill.begin_backfill(shop_id)
    with db.transaction() as session:
        shop = shops.get_shop(session, shop_id)
        if shop is not None:
            reconciliations.start_windows(
                session, shop, backfill_start_times(session, shop), clock.now()
            )


def backfill_start_times(session: Session, shop: Shop) -> dict[StoreNoun, datetime]:
    """From when on each noun can be compared."""
    found = {
        stage.stage: stage.started_at
        for stage in backfills.stages_of(session, shop.id)
        if stage.state == BackfillState.DONE and stage.generation == shop.generation
    }
    return found | {noun: found[stage] for noun, stage in FOLLOWED_STAGES.items() if stage in found}


def _next(shop_id: int) -> tuple[Shop, Reconciliation] | None:
    """The noun to work on: customers first, for the others name them."""
    with db.reading() as session:
        shop = shops.get_shop(session, shop_id)
        rows = reconciliations.of_shop(session, shop_id)
    if shop is None or shop.uninstalled_at is not None:
        return None
    held = {row.noun: row for row in rows if row.generation == shop.generation}
    now = clock.now()
    due = [held[noun] for noun in NOUNS if noun in held and held[noun].due_at <= now]
    return (shop, due[0]) if due else None


def _step(shop: Shop, held: Reconciliation) -> None:
    try:
        if missing_scopes(shop, held.noun):
            _leave_out(shop, held)
        elif held.until is None:
            _open(shop, held)
        elif held.cursor == BACKFILL_READ:
            _close(held)
        else:
            _page(shop, held)
    except ConcurrentChangeError:
        log.info("reconcile.moved", shop=shop.id, noun=held.noun)
    except RegularsError as error:
        _rest(held, error.message)


def _leave_out(shop: Shop, held: Reconciliation) -> None:
    """Ask again in an hour whether the merchant has allowed us to read it: it goes on from here."""
    log.warning("reconcile.left_out", shop=shop.id, noun=held.noun)
    _move(held, due_at=clock.now() + EVERY, error=missing_scopes(shop, held.noun))


def _open(shop: Shop, held: Reconciliation) -> None:
    """Open a window, once all deliveries from before its end are digested."""
    until = clock.now() - SETTLING_TIME
    with db.inbox_reading() as session:
        behind = inbox_claims.has_undigested_before(session, shop.id, until)
    if behind or until <= held.since:
        _move(held, due_at=clock.now() + (INBOX_WAIT if behind else SETTLING_TIME))
        return
    length = until - held.since
    while length > MIN_WINDOW and _holds(shop, held, held.since + length) > MAX_RECORDS_PER_WINDOW:
        length /= 2
    fresh = dict.fromkeys(("compared", "missing", "partial", "stale", "unresolved", "attempts"), 0)
    _move(held, until=held.since + length, cursor="", error="", **fresh)


def _holds(shop: Shop, held: Reconciliation, until: datetime) -> int:
    return pages.count_changed(shop.id, held.noun, held.since - OVERLAP, until)


def _page(shop: Shop, held: Reconciliation) -> None:
    """Compare a page of changes, and repair what differs."""
    assert held.until is not None
    asked_at = clock.now()
    page = pages.changed_page(
        shop.id, held.noun, held.since - OVERLAP, held.until, place=held.cursor
    )
    read = parse_nodes(shop, held.noun, page.nodes, asked_at)
    unread.keep_unread(shop, held.noun, read.unread, asked_at)
    unread.drop_read(shop, held.noun, [node for node, _ in read.families.values()])
    place = {"cursor": page.cursor if page.more else BACKFILL_READ, "attempts": 0, "error": ""}
    try:
        outcome = _commit(shop, held, read, place)
    except (*db.TRANSIENT, ConcurrentChangeError):
        raise
    except Exception:  # one record that cannot be repaired does not fail its page
        log.exception("reconcile.failed", shop=shop.id, noun=held.noun)
        outcome = _one_by_one(shop, held, read, place)
    if outcome.gaps:
        log.info("reconcile.repaired", shop=shop.id, noun=held.noun, **outcome.counts())
    jobs.enqueue_for_rows("advance", [(shop.id, enrolment) for enrolment in outcome.entered])


def _close(held: Reconciliation) -> None:
    """End a window; the next one begins where it ended, at once if that is long ago."""
    now = clock.now()
    assert held.until is not None
    silent = webhook_audit.inactive_topics(held, held.since - OVERLAP)
    if silent:
        log.warning("reconcile.silent", shop=held.shop_id, noun=held.noun, topics=silent)
    with db.transaction() as session:
        reconciliations.delete_repairs(session, held.shop_id, now - REPAIRS_KEPT_FOR)
        _advance(
            session, held, since=held.until, until=None, cursor="", finished_at=now,
            inactive_topics=silent,
            due_at=now if now - held.until > SETTLING_TIME + RETRY_DELAY else now + EVERY,
        )  # fmt: skip


def _commit(
    shop: Shop,
    held: Reconciliation,
    read: ReadPage,
    place: Mapping[str, object],
) -> RepairResult:
    """Mend what differs and move the window on, in one transaction."""
    with db.transaction() as session:
        db.lock_shop(session, shop.id)
        outcome = repair_records(session, shop, held.noun, read.reported)
        _count(session, held, place, outcome, lost=len(read.unread))
    return outcome


def _one_by_one(
    shop: Shop,
    held: Reconciliation,
    read: ReadPage,
    place: Mapping[str, object],
) -> RepairResult:
    """Repair each record by itself, so that one does not fail its page."""
    total = RepairResult()
    for thing, facts in read.reported.items():
        try:
            with db.transaction() as session:
                db.lock_shop(session, shop.id)
                total.add(repair_records(session, shop, held.noun, {thing: facts}))
        except db.TRANSIENT:
            raise
        except Exception as error:  # any error: it is counted as unresolved, and shown
            log.exception("reconcile.record_failed", shop=shop.id, noun=held.noun)
            total.unresolved += 1
            lost = UnreadNode(*read.families[thing], unread.explain(error))
            unread.keep_unread(shop, held.noun, [lost])
    with db.transaction() as session:
        _count(session, held, place, total, lost=len(read.unread))
    return total


def _count(
    session: Session,
    held: Reconciliation,
    place: Mapping[str, object],
    outcome: RepairResult,
    *,
    lost: int,
) -> None:
    counts = outcome.counts()
    totals: dict[str, int] = {kind: getattr(held, kind) + count for kind, count in counts.items()}
    totals["compared"] = held.compared + outcome.looked + lost
    totals["unresolved"] = held.unresolved + outcome.unresolved + lost
    reconciliations.add_repairs(session, held, counts)
    _advance(session, held, **place, **totals)


def _rest(held: Reconciliation, error: str) -> None:
    """Wait with a window, as Shopify or the way to it is in trouble: no window is given up."""
    pause = min(LONGEST_REST, FIRST_REST * (1 << min(held.attempts, 20)))
    log.warning("reconcile.waits", shop=held.shop_id, noun=held.noun, attempts=held.attempts + 1)
    _move(held, attempts=held.attempts + 1, due_at=clock.now() + pause, error=error)


def _move(held: Reconciliation, **changes: Any) -> None:
    with db.transaction() as session:
        _advance(session, held, **changes)


def _advance(session: Session, held: Reconciliation, **changes: Any) -> None:
    if not reconciliations.save_progress(session, held, **changes):
        raise ConcurrentChangeError
