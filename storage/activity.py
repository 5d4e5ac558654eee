"""Activity: how often each shopper did what, by day, in one small row that is quick to read.

It always equals a recount of the shopper's events: `storage.events`, through which every event is
added, deleted and moved, updates it in the same transaction.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TypedDict

from sqlalchemy import delete
from sqlalchemy import select as columns
from sqlmodel import Session, SQLModel, col

from storage.engine import bulk, db
from storage.engine.types import json_column, row_key, shop_key

Counts = dict[str, dict[str, int]]
EPOCH = date(1970, 1, 1).toordinal()


class Activity(SQLModel, table=True):
    """What one shopper did how often: {metric: {day: count}}, days as `day_of` writes them."""

    __table_args__ = {"sqlite_with_rowid": False}

    shop_id: int = shop_key()
    profile_id: int = row_key()
    counts: Counts = json_column()


class CountedEvent(TypedDict):
    """What of a row of `event` is counted."""

    profile_id: int
    metric: str
    occurred_at: datetime


def day_of(at: datetime) -> str:
    """The day of a moment in UTC, by its number since 1970: five digits until the year 2243.

    A document of 20 events then has 205 bytes; with ISO 8601 it had 265 (measured in a town).
    """
    return str(at.astimezone(UTC).toordinal() - EPOCH)


def day_number(day: date | str) -> str:
    """Return how `day_of` writes a day that is already one; SQLite returns it in ISO 8601."""
    known = date.fromisoformat(day) if isinstance(day, str) else day
    return str(known.toordinal() - EPOCH)


def date_of_day(day: str) -> date:
    """The day that `day_of` wrote."""
    return date.fromordinal(int(day) + EPOCH)


def counts_of(session: Session, shop_id: int, profile_id: int) -> Counts:
    """What a shopper did how often."""
    found = session.get(Activity, (shop_id, profile_id))
    return {} if found is None else found.counts


def add_counts(session: Session, shop_id: int, rows: Sequence[CountedEvent]) -> None:
    """Count events that were not there before."""
    if not rows:
        return
    held = lock_counts(session, shop_id, {row["profile_id"] for row in rows})
    for row in rows:
        days = held[row["profile_id"]].setdefault(row["metric"], {})
        day = day_of(row["occurred_at"])
        days[day] = days.get(day, 0) + 1
    save_counts(session, shop_id, held)


def subtract_counts(
    session: Session, shop_id: int, rows: Iterable[tuple[int, str, datetime]]
) -> None:
    """Count events, as (profile id, metric, moment), that are not there any more."""
    gone = list(rows)
    if not gone:
        return
    held = _lock(session, shop_id, {profile_id for profile_id, _, _ in gone})
    for profile_id, metric, at in gone:
        days, day = held.get(profile_id, {}).get(metric, {}), day_of(at)
        if days.get(day, 0) > 1:
            days[day] -= 1
        else:
            days.pop(day, None)
    save_counts(session, shop_id, {key: _without_empty(counts) for key, counts in held.items()})


def save_counts(session: Session, shop_id: int, counts: Mapping[int, Counts]) -> None:
    """Write what some shoppers did, by profile id; the caller holds their rows."""
    rows = [
        {"shop_id": shop_id, "profile_id": key, "counts": profile_counts}
        for key, profile_counts in counts.items()
    ]
    bulk.upsert_rows(session, Activity, rows)


def delete_counts(session: Session, shop_id: int, profile_ids: Collection[int]) -> None:
    """Forget what these did: they are part of others now."""
    session.connection().execute(
        delete(Activity).where(
            col(Activity.shop_id) == shop_id, bulk.is_among(col(Activity.profile_id), profile_ids)
        )
    )


def lock_counts(session: Session, shop_id: int, profile_ids: Collection[int]) -> dict[int, Counts]:
    """Return the counts of these shoppers and lock them until the transaction ends.

    A missing row cannot be locked on PostgreSQL, so it is inserted first; SQLite has one writer
    anyway.
    """
    held = _lock(session, shop_id, profile_ids)
    fresh = set(profile_ids) - held.keys()
    nothing: dict[int, Counts] = {profile_id: {} for profile_id in fresh}
    if fresh and not db.is_sqlite(db.engine()):
        rows = [{"shop_id": shop_id, "profile_id": each, "counts": {}} for each in sorted(fresh)]
        bulk.add_rows(session, Activity, rows, unless_known=True)
        return held | nothing | _lock(session, shop_id, fresh)
    return held | nothing


def _lock(session: Session, shop_id: int, profile_ids: Collection[int]) -> dict[int, Counts]:
    table = db.table_of(Activity)
    found = session.connection().execute(
        columns(table.c.profile_id, table.c.counts)
        .where(table.c.shop_id == shop_id, bulk.is_among(table.c.profile_id, profile_ids))
        .order_by(table.c.profile_id)  # two who settle messages of the same shoppers do not cross
        .with_for_update()
    )
    return {row[0]: row[1] for row in found.all()}


def _without_empty(counts: Counts) -> Counts:
    return {metric: days for metric, days in counts.items() if days}
