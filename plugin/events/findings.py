"""A reconciliation on a terminal. In: a store. Out: lines that tell what differs, or was mended.

They hold ids of the storefront's and nothing that says who somebody is.
"""

import time
from collections.abc import Iterator

from plugin import clock
from plugin.errors import RegularsError
from plugin.events import reconcile
from plugin.events.reconcile import Outcome
from storage import db, reconciliations
from storage.reconciliations import MISSING, PARTIAL, STALE, Reconciliation
from storage.shops import Shop

KINDS = (MISSING, PARTIAL, STALE)
TURN_S = 5.0  # of work between two looks
WAIT_S = 0.5


def dry_run(shop: Shop) -> Iterator[str]:
    """What differs, by noun and kind, with the ids; nothing is changed.

    Raises:
        RegularsError: the store's past is not read yet, or Shopify was not there.
    """
    told = False
    for noun, outcome in reconcile.dry_run(shop):
        told = True
        yield _line(noun, outcome.looked, outcome.counts(), outcome.unsettled)
        yield from _ids(outcome)
    if not told:
        raise RegularsError(_NOT_YET)


def repair(shop: Shop) -> Iterator[str]:
    """What was mended, by noun and kind.

    Raises:
        RegularsError: the store's past is not read yet, or Shopify was not there.
    """
    reconcile.hurry(shop.id)
    before = {row.noun: row.finished_at for row in _rows(shop.id)}
    if not before:
        raise RegularsError(_NOT_YET)
    while _under_way(rows := _rows(shop.id)):
        if not reconcile.work(shop.id, TURN_S):
            time.sleep(WAIT_S)
        if failed := next((row for row in rows if row.error), None):
            raise RegularsError(f"{failed.noun}: {failed.error}")
    for row in rows:
        if row.finished_at == before[row.noun]:
            yield f"{row.noun:10} not compared: it was just now, or news waits to be digested"
        else:
            counts = {kind: getattr(row, kind) for kind in KINDS}
            yield _line(row.noun, row.looked, counts, row.unsettled)
        for topic in row.silent:
            yield f"  {topic} brings nothing: deploy shopify.app.toml once more"


def _under_way(rows: list[Reconciliation]) -> bool:
    return any(row.until is not None or row.due_at <= clock.now() for row in rows)


_NOT_YET = "Its past is not read yet: see `regulars backfill`."


def _rows(shop_id: int) -> list[Reconciliation]:
    with db.reading() as session:
        found = reconciliations.of_shop(session, shop_id)
    return sorted(found, key=lambda row: reconcile.NOUNS.index(row.noun))


def _line(noun: str, looked: int, counts: dict[str, int], unsettled: int) -> str:
    said = "  ".join(f"{counts.get(kind, 0):,} {kind}" for kind in KINDS)
    return f"{noun:10} {looked:>9,} compared  {said}" + (
        f"  {unsettled:,} not settled" if unsettled else ""
    )


def _ids(outcome: Outcome) -> Iterator[str]:
    for kind in KINDS:
        if ids := sorted(thing for thing, what in outcome.gaps.items() if what == kind):
            yield f"  {kind}: {' '.join(ids)}"
