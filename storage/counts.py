"""Counts: how many of something a shop has, stored where counting anew would take too long.

Up to a few thousand are counted on each read. Beyond that a worker's count of some minutes ago is
shown together with its time.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, delete, func
from sqlalchemy.sql import Select
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import bulk, db
from storage.engine.types import big, moment, shop_key

MAX_EXACT_COUNT = 10_000  # index entries that SQLite counts in a millisecond
PROFILES, SUBSCRIBERS, DUPLICATES, MEMBERS = "profiles", "subscribers", "duplicates", "members"


class StoredCount(SQLModel, table=True):
    """How many of something there were at a moment. What is few has no row."""

    __tablename__ = "stored_count"

    shop_id: int = shop_key()
    metric: str = Field(primary_key=True)
    object_id: int = Field(
        default=0, primary_key=True, sa_type=BigInteger
    )  # members: of which list
    value: int = big()
    counted_at: datetime = moment()


class Count(int):
    """A count: exact, or as of `counted_at`, or `at_least` when no worker has counted yet."""

    counted_at: datetime | None = None
    at_least: bool = False


def count_rows(
    session: Session, shop_id: int, what: str, rows: Select[Any], *, whole: bool = False
) -> Count:
    """How many `rows` there are; with `whole` counted now, however long that takes."""
    if not whole:
        if kept := stored_counts(session, shop_id, what).get(0):
            return kept
        return count_up_to(session, rows)
    found = session.connection().execute(select(func.count()).select_from(rows.subquery()))
    return Count(found.scalar_one())


def count_up_to(session: Session, rows: Select[Any]) -> Count:
    """How many `rows` there are, or that there are many."""
    some = rows.limit(MAX_EXACT_COUNT + 1).subquery()
    found = session.connection().execute(select(func.count()).select_from(some))
    return count_with_time(found.scalar_one())


def count_with_time(number: int, *, whole: bool = False) -> Count:
    """A count that went no further than one more than `MAX_EXACT_COUNT`, or was `whole`."""
    if whole or number <= MAX_EXACT_COUNT:
        return Count(number)
    least = Count(MAX_EXACT_COUNT)
    least.at_least = True
    return least


def stored_counts(session: Session, shop_id: int, what: str) -> dict[int, Count]:
    """The figures that are kept of something, by what they are of."""
    rows = session.exec(
        select(StoredCount.object_id, StoredCount.value, StoredCount.counted_at).where(
            StoredCount.shop_id == shop_id, StoredCount.metric == what
        )
    )
    found = {}
    for object_id, number, at in rows:
        found[object_id] = Count(number)
        found[object_id].counted_at = at
    return found


def save_counts(
    session: Session, shop_id: int, numbers: Iterable[tuple[str, int, int]], at: datetime
) -> None:
    """Keep those of a shop's figures (what, of id, number) that are large, in place of all."""
    session.connection().execute(delete(StoredCount).where(col(StoredCount.shop_id) == shop_id))
    rows = [
        {
            "shop_id": shop_id,
            "metric": what,
            "object_id": object_id,
            "value": number,
            "counted_at": at,
        }
        for what, object_id, number in numbers
        if number > MAX_EXACT_COUNT
    ]
    bulk.add_rows(session, StoredCount, rows)


def shops_with_stale_counts(session: Session, before: datetime) -> Sequence[int]:
    """Return the shops with counts from before a moment."""
    query = select(StoredCount.shop_id).where(StoredCount.counted_at < before).distinct()
    found = db.across_shops(session, query, "the clock has many counted anew")
    return list(found.scalars())
