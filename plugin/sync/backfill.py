"""Backfill a new shop from Shopify with the rows that webhooks would have made.

Each stage is a row of `backfill` with its progress. A step commits its progress together with its
rows, so that after a crash the next process continues from there. Children do not stand beside
their parents in Shopify's files: such lines are put aside first.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from sqlmodel import Session

from plugin import clock, jobs
from plugin.errors import ConcurrentChangeError, RegularsError
from plugin.facts import Facts, merge_facts
from plugin.ingest.record import record_facts
from plugin.jobs import Progress, SliceJob
from plugin.shopify.api import bulk, pages
from plugin.shopify.api.client import ShopifyError
from plugin.shopify.api.products import number
from plugin.shopify.install.scopes import is_allowed
from plugin.sync import lines, unread
from plugin.sync.unread import NodeWithChildren, UnreadNode
from storage import backfills, shops
from storage.backfills import ENDED_STATES, Backfill, BackfillState, StoreNoun
from storage.engine import db
from storage.shops import Shop

STAGES = tuple(noun for noun in StoreNoun if noun in (*bulk.QUERIES, StoreNoun.CHECKOUTS))
WITH_CHILDREN = (StoreNoun.PRODUCTS, StoreNoun.ORDERS, StoreNoun.SUBSCRIPTIONS)
NODES_BATCH_SIZE = 250  # customers or orders in a transaction; of 500 the memory came to 200 MB
LINES_BATCH_SIZE = 1_000  # lines that are put aside, or looked at together
READ_SECONDS = 1.0  # of a step that reads a result: each step requests it again from its position
FIRST_LOOK, LONGEST_LOOK = timedelta(seconds=1), timedelta(minutes=1)
# Without a single new line; one such kept others waiting for 20 hours.
STUCK_AFTER = timedelta(hours=1)
FIRST_REST, LONGEST_REST = timedelta(seconds=5), timedelta(minutes=30)
MAX_ATTEMPTS = 12  # in a row; with rests that double, over three hours
MAX_REQUESTS = 3  # how often an operation that Shopify breaks off is asked for

log = structlog.get_logger()


def begin_backfill(shop_id: int) -> None:
    """Start what has not been started since the shop was installed. Twice is a no-op."""
    with db.transaction() as session:
        shop = shops.get_shop(session, shop_id)
        if shop is not None and shop.uninstalled_at is None:
            allowed = [stage for stage in STAGES if is_allowed(shop, *pages.SCOPES[stage])]
            backfills.start_stages(session, shop, allowed, clock.now())


def advance_backfill(shop_id: int) -> Progress:
    """Take the next step of the stage that is due, if one is."""
    found = _next(shop_id)
    if found is None:
        return Progress.DONE
    _step(*found)
    return Progress.MORE


SLICE_JOB = SliceJob(
    "backfill", advance_backfill, backfills.due_shops, interval=timedelta(seconds=2)
)


def _next(shop_id: int) -> tuple[Shop, Backfill] | None:
    """Return the stage to work on: first one that Shopify can begin meanwhile, then
    in their order.
    """
    with db.reading() as session:
        shop = shops.get_shop(session, shop_id)
        stages = backfills.stages_of(session, shop_id)
    if shop is None or shop.uninstalled_at is not None:
        return None
    now = clock.now()
    due = [each for each in stages if each.state not in ENDED_STATES and each.due_at <= now]
    waiting = [
        each for each in due if each.state == BackfillState.WAITING and each.stage in bulk.QUERIES
    ]
    chosen = next(iter(waiting or due), None)
    return None if chosen is None else (shop, chosen)


def _step(shop: Shop, held: Backfill) -> None:
    try:
        if held.state == BackfillState.WAITING:
            _ask(shop, held)
        elif held.state == BackfillState.REQUESTED:
            _look(shop, held)
        elif held.stage == StoreNoun.CHECKOUTS:
            _page(shop, held)
        elif held.state == BackfillState.READING:
            _read(shop, held)
        else:
            _join(shop, held)
    except ConcurrentChangeError:
        log.info("backfill.moved", shop=shop.id, stage=held.stage)
    except bulk.ResultExpiredError:
        _again(held, "Shopify's result was gone before it was read.")
    except ShopifyError as error:
        _rest(held, error.message, counts=not error.has("LIMIT_REACHED"))
    except RegularsError as error:
        _rest(held, error.message)


def _ask(shop: Shop, held: Backfill) -> None:
    if held.stage == StoreNoun.CHECKOUTS:
        _move(held, state=BackfillState.READING)
        return
    operation = bulk.start_operation(shop.id, held.stage)
    now = clock.now()
    _move(
        held, state=BackfillState.REQUESTED, operation_id=operation, requested_at=now,
        advanced_at=now, lines_available=0,
        due_at=now + FIRST_LOOK,
    )  # fmt: skip
    log.info("backfill.asked", shop=shop.id, stage=held.stage)


def _look(shop: Shop, held: Backfill) -> None:
    """Ask how Shopify's operation stands, ever less often."""
    now = clock.now()
    assert held.requested_at
    assert held.advanced_at
    found = bulk.get_operation(shop.id, held.operation_id)
    if found is None or found.status in ("CANCELED", "CANCELING", "EXPIRED"):
        _again(held, "Shopify called the reading off.")
    elif found.status == "COMPLETED" and found.url is None:
        _move(held, state=BackfillState.DONE, finished_at=now, error="")
    elif found.status == "COMPLETED":
        _move(
            held,
            state=BackfillState.READING,
            **_sizes(held, found),
            attempts=0,
            error="",
        )
    elif found.status == "FAILED":
        _broken(held, found)
    elif found.objects == held.lines_available and now - held.advanced_at > STUCK_AFTER:
        bulk.cancel_operation(shop.id, held.operation_id)
        _again(held, "Shopify's reading stood still for an hour.")
    else:
        advanced_at = now if found.objects != held.lines_available else held.advanced_at
        due_at = now + min(LONGEST_LOOK, max(FIRST_LOOK, (now - held.requested_at) / 4))
        _move(
            held,
            **_sizes(held, found),
            advanced_at=advanced_at,
            due_at=due_at,
        )


def _sizes(held: Backfill, found: bulk.Operation) -> dict[str, int]:
    """How much there is; of stock, the levels of the items."""
    total = found.objects - found.roots if held.stage == StoreNoun.STOCK else found.roots
    return {"lines_available": found.objects, "total": total}


def _broken(held: Backfill, found: bulk.Operation) -> None:
    """Shopify broke off: ask again, and in the end take the part that there is."""
    if found.error == "ACCESS_DENIED":
        _fail(held, "Shopify does not allow Regulars to read this.")
    elif held.attempts + 1 < MAX_REQUESTS:
        _again(held, "Shopify broke the reading off.")
    elif found.partial_url is None:
        _fail(held, "Shopify broke the reading off several times.")
    else:
        error = "Shopify gave only a part."
        _move(
            held,
            state=BackfillState.READING,
            **_sizes(held, found),
            error=error,
        )


def _read(shop: Shop, held: Backfill) -> None:
    """Read the result on from where we are: put lines aside, or record them."""
    until = time.monotonic() + READ_SECONDS
    found = bulk.get_operation(shop.id, held.operation_id)
    url = (found.url or found.partial_url) if found else None
    if found is None or url is None:
        raise bulk.ResultExpiredError("The result is gone.")
    apart = held.stage in WITH_CHILDREN
    with closing(bulk.read_lines(url, held.offset)) as result:
        for batch in lines.split_batches(result, LINES_BATCH_SIZE if apart else NODES_BATCH_SIZE):
            if apart:
                _put_aside(shop, held, batch)
            else:
                progress = {"lines_read": held.lines_read + len(batch), "offset": batch[-1][1]}
                _record(shop, held, list(lines.read_nodes(held.stage, batch)), progress)
            if time.monotonic() > until:
                return
    if found.size is not None and held.offset < found.size:
        raise ShopifyError("Shopify's result broke off.", 503)
    if apart:
        _move(held, state=BackfillState.JOINING, due_at=clock.now())
    else:
        _move(held, state=BackfillState.DONE, finished_at=clock.now())


def _put_aside(shop: Shop, held: Backfill, batch: Sequence[tuple[bytes, int]]) -> None:
    rows, lost = [], []
    for at, (line, _) in enumerate(batch, held.lines_read):
        if node := lines.parse_line(line):
            rows.append((str(node.get("__parentId") or node["id"]), at, line.decode()))
        else:
            lost.append(unread.nonsense(line))
    unread.keep_unread(shop, held.stage, lost)
    progress = {"lines_read": held.lines_read + len(batch), "offset": batch[-1][1], "attempts": 0}
    progress["skipped"] = held.skipped + len(lost)
    with db.transaction(redone=True) as session:
        _advance(session, held, **progress)
        backfills.add_lines(session, held.shop_id, held.stage, rows)
    _remember(held, progress)


def _join(shop: Shop, held: Backfill) -> None:
    """Record the next families, and drop their lines."""
    limit = LINES_BATCH_SIZE
    while True:
        with db.reading() as session:
            rows = backfills.next_lines(session, shop.id, held.stage, limit)
        families = lines.join_families(rows)
        if len(rows) < limit or len(families) > 1:
            break
        limit *= 4  # one that is larger than a batch
    if not rows:
        _move(held, state=BackfillState.DONE, finished_at=clock.now())
        return
    if len(rows) == limit:
        families.popitem()  # its last members may not be among the rows
    _record(shop, held, list(families.values()), {}, drop_until=list(families)[-1])


def _page(shop: Shop, held: Backfill) -> None:
    page = pages.checkouts_page(shop.id, held.offset)
    if some := len(page.nodes):
        last = number(page.nodes[-1][0]["id"])
        progress = {"offset": last, "lines_available": held.lines_available + some}
        progress |= {"lines_read": held.lines_read + some, "total": held.total + some}
        _record(shop, held, page.nodes, progress)
    if not page.more:
        _move(held, state=BackfillState.DONE, finished_at=clock.now())


def _record(
    shop: Shop,
    held: Backfill,
    families: Sequence[NodeWithChildren],
    progress: dict[str, int],
    *,
    drop_until: str | None = None,
) -> None:
    """Record what nodes say, and the progress that it is, in one transaction."""
    read = [(unread.parse_node(shop, held.stage, family), family) for family in families]
    facts = [(each, family) for each, family in read if isinstance(each, Facts)]
    unread.keep_unread(shop, held.stage, [each for each, _ in read if isinstance(each, UnreadNode)])
    progress |= {"done": held.done + len(families), "attempts": 0}
    progress["skipped"] = held.skipped + len(families) - len(facts)
    try:
        _commit(shop, held, [each for each, _ in facts], progress, drop_until=drop_until)
    except (*db.TRANSIENT, ConcurrentChangeError):
        raise
    except Exception:  # one node that cannot be kept does not spoil the others
        log.exception("backfill.failed", shop=shop.id, stage=held.stage)
        progress["skipped"] += len(facts) - _one_by_one(shop, held.stage, facts)
        _commit(shop, held, [], progress, drop_until=drop_until)


def _commit(
    shop: Shop,
    held: Backfill,
    facts: Sequence[Facts],
    progress: dict[str, int],
    *,
    drop_until: str | None,
) -> None:
    with db.transaction(redone=True) as session:
        db.lock_shop(session, shop.id)
        _advance(session, held, **progress)
        if drop_until is not None:
            backfills.delete_lines(session, shop.id, held.stage, drop_until)
        entered = record_facts(session, shop, _as_past(facts), clock.now()) if facts else []
    _remember(held, progress)
    jobs.enqueue_for_rows("advance", [(shop.id, enrolment) for enrolment in entered])


def _one_by_one(
    shop: Shop, stage: StoreNoun, facts: Sequence[tuple[Facts, NodeWithChildren]]
) -> int:
    """Record what can be recorded, so that one node does not spoil its batch; how many that was."""
    good = 0
    for each, family in facts:
        try:
            with db.transaction(redone=True) as session:
                db.lock_shop(session, shop.id)
                record_facts(session, shop, _as_past([each]), clock.now())
        except db.TRANSIENT:
            raise
        except Exception as error:  # any error: it is counted as skipped, and shown
            log.exception("backfill.node_failed", shop=shop.id)
            unread.keep_unread(shop, stage, [UnreadNode(*family, unread.explain(error))])
        else:
            good += 1
    return good


def _as_past(facts: Sequence[Facts]) -> Facts:
    return replace(merge_facts(facts), historical=True)


def _again(held: Backfill, error: str) -> None:
    """Let Shopify read anew, from its beginning: what is kept already is not kept twice."""
    if held.attempts + 1 >= MAX_ATTEMPTS:
        _fail(held, error)
        return
    fresh = dict.fromkeys(backfills.COUNTS, 0)
    rest = {"attempts": held.attempts + 1, "due_at": clock.now() + _pause(held), "error": error}
    with db.transaction() as session:
        backfills.delete_lines(session, held.shop_id, held.stage)
        _advance(session, held, state=BackfillState.WAITING, operation_id="", **fresh, **rest)
    log.warning("backfill.again", shop=held.shop_id, stage=held.stage, attempts=held.attempts + 1)


def _rest(held: Backfill, error: str, *, counts: bool = True) -> None:
    """Wait with a stage, as Shopify or the way to it is in trouble."""
    if counts and held.attempts + 1 >= MAX_ATTEMPTS:
        _fail(held, error)
        return
    attempts = held.attempts + counts
    log.warning("backfill.waits", shop=held.shop_id, stage=held.stage, attempts=attempts)
    _move(held, attempts=attempts, due_at=clock.now() + _pause(held), error=error)


def _fail(held: Backfill, error: str) -> None:
    log.error("backfill.gave_up", shop=held.shop_id, stage=held.stage)
    _move(held, state=BackfillState.FAILED, finished_at=clock.now(), error=error)


def _pause(held: Backfill) -> timedelta:
    return min(LONGEST_REST, FIRST_REST * (1 << min(held.attempts, 20)))


def _move(held: Backfill, **changes: Any) -> None:
    with db.transaction() as session:
        _advance(session, held, **changes)
    _remember(held, changes)


def _advance(session: Session, held: Backfill, **changes: Any) -> None:
    if not backfills.save_progress(session, held, **changes):
        raise ConcurrentChangeError


def _remember(held: Backfill, changes: Mapping[str, object]) -> None:
    for name, value in changes.items():
        setattr(held, name, value)
