"""Leases: who may do what is due. A row that was claimed and not done is offered again later.

The database's own time rules them, so that no process's clock can take a row from another.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import tuple_, update
from sqlmodel import Session, col, select

from storage import db

WHY = "the clock claims what is due"


def claim_due(
    session: Session, table: Any, state: str, now: datetime, limit: int, seconds: float
) -> list[tuple[int, int]]:
    """Lease up to `limit` rows of all shops that are in `state` and due; the earliest first.

    Args:
        table: a table with shop_id, id, state, due_at and lease_until.
        now: the moment in the story that `due_at` is compared with.

    Returns:
        (shop id, row id) of each.
    """
    clock = db.database_time(session)
    due = (
        select(table.shop_id, table.id)
        .where(table.state == state, table.due_at <= now, table.lease_until < clock)
        .order_by(table.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    keys = [(row[0], row[1]) for row in db.every_shop(session, due, WHY)]
    if keys:
        lease = (
            update(table)
            .where(tuple_(col(table.shop_id), col(table.id)).in_(keys))
            .values(lease_until=clock + seconds)
            .execution_options(synchronize_session=False)
        )
        db.every_shop(session, lease, WHY)
    return keys
