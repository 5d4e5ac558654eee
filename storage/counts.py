"""Tallies: how many of something a shop has, where counting them anew would take too long.

A few thousand are counted whenever somebody looks. Of more, the figure is shown that a worker
counted some minutes ago, together with when that was.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, delete, func
from sqlalchemy.sql import Select
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import bulk, db
from storage.engine.types import big, moment, shop_key

FEW = 10_000  # index entries that SQLite counts in a millisecond
PROFILES, SUBSCRIBERS, DUPLICATES, MEMBERS = "profiles", "subscribers", "duplicates", "members"


class Tally(SQLModel, table=True):
    """How many of something there were at a moment. What is few has no row."""

    shop_id: int = shop_key()
    what: str = Field(primary_key=True)
    of_id: int = Field(default=0, primary_key=True, sa_type=BigInteger)  # members: of which list
    number: int = big()
    counted_at: datetime = moment()


class Count(int):
    """How many there are: exactly, or at `counted_at`, or `at_least`, when nobody counted yet."""

    counted_at: datetime | None = None
    at_least: bool = False


def count(
    session: Session, shop_id: int, what: str, rows: Select[Any], *, whole: bool = False
) -> Count:
    """How many `rows` there are; with `whole` counted now, however long that takes."""
    if not whole:
        if kept := kept_of(session, shop_id, what).get(0):
            return kept
        return count_few(session, rows)
    found = session.connection().execute(select(func.count()).select_from(rows.subquery()))
    return Count(found.scalar_one())


def count_few(session: Session, rows: Select[Any]) -> Count:
    """How many `rows` there are, or that there are many."""
    some = rows.limit(FEW + 1).subquery()
    found = session.connection().execute(select(func.count()).select_from(some))
    return counted(found.scalar_one())


def counted(number: int, *, whole: bool = False) -> Count:
    """A count that went no further than one more than `FEW`, or was `whole`."""
    if whole or number <= FEW:
        return Count(number)
    least = Count(FEW)
    least.at_least = True
    return least


def kept_of(session: Session, shop_id: int, what: str) -> dict[int, Count]:
    """The figures that are kept of something, by what they are of."""
    rows = session.exec(
        select(Tally.of_id, Tally.number, Tally.counted_at).where(
            Tally.shop_id == shop_id, Tally.what == what
        )
    )
    found = {}
    for of_id, number, at in rows:
        found[of_id] = Count(number)
        found[of_id].counted_at = at
    return found


def keep(
    session: Session, shop_id: int, numbers: Iterable[tuple[str, int, int]], at: datetime
) -> None:
    """Keep those of a shop's figures (what, of id, number) that are large, in place of all."""
    session.connection().execute(delete(Tally).where(col(Tally.shop_id) == shop_id))
    rows = [
        {"shop_id": shop_id, "what": what, "of_id": of_id, "number": number, "counted_at": at}
        for what, of_id, number in numbers
        if number > FEW
    ]
    bulk.add(session, Tally, rows)


def older(session: Session, before: datetime) -> Sequence[int]:
    """Shops whose figures are from before a moment."""
    query = select(Tally.shop_id).where(Tally.counted_at < before).distinct()
    found = db.every_shop(session, query, "the clock has many counted anew")
    return list(found.scalars())
