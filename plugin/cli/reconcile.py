"""Print a store's reconciliation: what differs, and what was repaired.

The lines hold Shopify's ids and nothing that identifies a person.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from plugin import clock
from plugin.errors import RegularsError
from plugin.facts import Facts
from plugin.jobs import Progress, run_slice
from plugin.shopify.api import pages
from plugin.sync import reconcile
from plugin.sync.repair import RepairResult, parse_nodes, repair_records
from storage import reconciliations
from storage.backfills import StoreNoun
from storage.engine import db
from storage.reconciliations import DifferenceKind, Reconciliation
from storage.shops import Shop

_NOT_YET = "Import the store's history first: `regulars backfill`."
KINDS = (DifferenceKind.MISSING, DifferenceKind.PARTIAL, DifferenceKind.STALE)
SLICE_SECONDS = 5.0  # of work between two looks
POLL_INTERVAL_S = 0.5


class DryRunError(Exception):
    """Everything is as it would be; now nothing is kept."""


def list_differences(shop: Shop) -> Iterator[str]:
    """What differs, by noun and kind, with the ids; nothing is changed.

    Raises:
        RegularsError: the store's past is not read yet, or Shopify was not there.
    """
    starts = _starts(shop)
    if not starts:
        raise RegularsError(_NOT_YET)
    until = clock.now() - reconcile.SETTLING_TIME
    for noun, since in starts.items():
        if lacking := reconcile.missing_scopes(shop, noun):
            yield f"{noun:20} not compared: {lacking}"
            continue
        outcome = _dry(shop, noun, since, until)
        yield _line(noun, outcome.looked, outcome.counts(), outcome.unresolved)
        yield from _ids(outcome)


def repair_differences(shop: Shop) -> Iterator[str]:
    """Yield what was repaired, by noun and kind.

    Raises:
        RegularsError: the store's backfill is not finished, or Shopify did not answer.
    """
    reconcile.make_due_now(shop.id)
    before, mended = {row.noun: row.finished_at for row in _rows(shop.id)}, _mended(shop.id)
    if not before:
        raise RegularsError(_NOT_YET)
    while _under_way(rows := _rows(shop.id)):
        if failed := next((row for row in rows if row.error and row.attempts), None):
            raise RegularsError(f"{failed.noun}: {failed.error}")
        if run_slice(reconcile.SLICE_JOB, shop.id, SLICE_SECONDS) is Progress.DONE:
            time.sleep(POLL_INTERVAL_S)
    news = _mended(shop.id) - mended  # of all windows, if there was too much for one
    for row in rows:
        if row.finished_at == before.get(row.noun):
            why = row.error or "checked just now, or webhooks are waiting"
            yield f"{row.noun:20} not compared: {why}"
        else:
            counts = {kind: news[row.noun, kind] for kind in KINDS}
            yield _line(row.noun, row.compared, counts, row.unresolved)
        for topic in row.inactive_topics:
            yield f"  {topic} sends nothing: deploy shopify.app.toml again"


def _mended(shop_id: int) -> Counter[tuple[str, DifferenceKind]]:
    with db.reading() as session:
        since = clock.now() - reconcile.REPAIRS_KEPT_FOR
        return Counter(reconciliations.repairs(session, shop_id, since))


def _under_way(rows: list[Reconciliation]) -> bool:
    return any(row.until is not None or row.due_at <= clock.now() for row in rows)


def _starts(shop: Shop) -> dict[StoreNoun, datetime]:
    """From when on each noun is compared."""
    with db.reading() as session:
        held = {row.noun: row.since for row in reconciliations.of_shop(session, shop.id)}
        since = reconcile.backfill_start_times(session, shop) | held
    return {noun: since[noun] for noun in reconcile.NOUNS if noun in since}


def _dry(shop: Shop, noun: StoreNoun, since: datetime, until: datetime) -> RepairResult:
    """What a reconciliation would find now: it is done, and then undone."""
    total, place, more = RepairResult(), "", True
    while more:
        asked_at = clock.now()
        page = pages.changed_page(shop.id, noun, since - reconcile.OVERLAP, until, place=place)
        read = parse_nodes(shop, noun, page.nodes, asked_at)
        total.add(_undone(shop, noun, read.reported))
        total.looked += len(read.unread)
        total.unresolved += len(read.unread)
        place, more = page.cursor, page.more
    return total


def _undone(shop: Shop, noun: StoreNoun, reported: Mapping[str, Facts]) -> RepairResult:
    outcome = RepairResult()
    try:
        with db.transaction() as session:
            db.lock_shop(session, shop.id)
            outcome = repair_records(session, shop, noun, reported)
            raise DryRunError
    except DryRunError:
        return outcome


def _rows(shop_id: int) -> list[Reconciliation]:
    with db.reading() as session:
        found = reconciliations.of_shop(session, shop_id)
    return sorted(found, key=lambda row: reconcile.NOUNS.index(row.noun))


def _line(noun: StoreNoun, looked: int, counts: dict[DifferenceKind, int], unresolved: int) -> str:
    summary = "  ".join(f"{counts.get(kind, 0):,} {kind}" for kind in KINDS)
    return f"{noun:20} {looked:>9,} compared  {summary}" + (
        f"  {unresolved:,} couldn't be read" if unresolved else ""
    )


def _ids(outcome: RepairResult) -> Iterator[str]:
    for kind in KINDS:
        if ids := sorted(thing for thing, what in outcome.gaps.items() if what == kind):
            yield f"  {kind}: {' '.join(ids)}"
