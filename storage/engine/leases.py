"""Leases: who may do what is due. A row that was claimed and not done is offered again later.

The database's own time rules them, so that no process's clock can take a row from another. A try
is counted before the work, so that a row which kills its worker is counted too.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, bindparam, or_, update
from sqlmodel import Session, col, select

from storage.engine import db

CROSS_SHOP_REASON = "the clock claims what is due"
# How many are tried together, by how often they were tried before: a row that kills its worker has
# few companions the second time and none from the third time on.
BATCH_SIZE_BY_ATTEMPT = (500, 20)
# No lease is longer, and a clock may be set back a little. One that ends later was taken while the
# clock was ahead, as on a machine that boots before it knows the time: it would hold for as long.
LONGEST_LEASE_S, CLOCK_SLACK_S = 300.0, 60.0


def latest_end(clock: float) -> float:
    """Until when a lease that is taken at `clock` can last."""
    return clock + LONGEST_LEASE_S + CLOCK_SLACK_S


def is_over(lease_until: Any, clock: float) -> ColumnElement[bool]:
    """The condition that a lease has ended, or can be none."""
    return or_(col(lease_until) < clock, col(lease_until) > latest_end(clock))


def claim_due(
    session: Session,
    table: Any,
    state: str,
    now: datetime,
    *which: ColumnElement[bool],
    limit: int,
    seconds: float,
    **fresh: Any,
) -> list[tuple[int, int]]:
    """Lease up to `limit` rows of all shops that are in `state` and due; the earliest first.

    Args:
        table: a table with shop_id, id, state, due_at and lease_until.
        now: the moment in the story that `due_at` is compared with.
        which: what else must hold of a row.
        fresh: what else a row holds once it is offered anew.

    Returns:
        (shop id, row id) of each.
    """
    clock = db.database_time(session)
    due = (
        select(table.shop_id, table.id)
        .where(table.state == state, table.due_at <= now, is_over(table.lease_until, clock), *which)
        .order_by(table.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    keys = [(row[0], row[1]) for row in db.across_shops(session, due, CROSS_SHOP_REASON)]
    if keys:
        # Row by row: for pairs of values SQLite reads the whole table, despite the index.
        lease = update(table).where(
            col(table.shop_id) == bindparam("shop"), col(table.id) == bindparam("row")
        )
        session.connection().execute(
            lease.values(lease_until=clock + seconds, **fresh),
            [{"shop": shop_id, "row": row_id} for shop_id, row_id in keys],
        )
    return keys


def split_by_attempts(tried: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Rows given as (id, tries so far), in the portions that are to be tried together."""
    for tries in sorted({tries for _, tries in tried}):
        alike = [row_id for row_id, count in tried if count == tries]
        most = BATCH_SIZE_BY_ATTEMPT[tries] if tries < len(BATCH_SIZE_BY_ATTEMPT) else 1
        yield from (alike[start : start + most] for start in range(0, len(alike), most))


class Claim(NamedTuple):
    """Rows leased to one worker, in the order asked for; the moment tells the lease from others."""

    ids: list[int]
    lease_until: float


def start_claim(
    session: Session, table: Any, count: str, shop_id: int, *, ids: Sequence[int], seconds: float
) -> Claim:
    """Count an attempt at each of these rows in the column `count`, and lease them to the caller.

    A row that is enqueued again while its worker runs must not count that as the worker's crash, so
    rows that another worker has claimed are left out.
    """
    clock = db.database_time(session)
    free = (
        select(table.id)
        .where(col(table.shop_id) == shop_id, col(table.id).in_(ids))
        .where(col(table.claimed).is_(False) | is_over(table.lease_until, clock))
        .order_by(table.id)
        .with_for_update(skip_locked=True)
    )
    held = set(session.exec(free))
    session.connection().execute(
        update(table)
        .where(col(table.shop_id) == shop_id, col(table.id).in_(held))
        .values({count: getattr(table, count) + 1})
        .values(lease_until=clock + seconds, claimed=True)
    )
    return Claim([row_id for row_id in ids if row_id in held], clock + seconds)


def refund_attempt(session: Session, table: Any, count: str, shop_id: int, *, begun: Claim) -> None:
    """Take back the attempts at these rows, except those that another worker has claimed since."""
    session.connection().execute(
        update(table)
        .where(col(table.shop_id) == shop_id, col(table.id).in_(begun.ids))
        .where(col(table.claimed).is_(True), col(table.lease_until) == begun.lease_until)
        .values({count: getattr(table, count) - 1, "claimed": False})
    )
