"""Likeness: which profiles might be one person, found by what they have in common, for a person to
decide. Keys never join anybody by themselves.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NotRequired, TypedDict

from sqlalchemy import BigInteger, Index, delete, update
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage import counts
from storage.counts import Count
from storage.engine import bulk, db
from storage.engine.types import enum_column, moment, shop_key
from storage.shops import Shop

MAX_OPEN_DUPLICATES = 20  # of a key's holders that are looked at: what thousands share says nothing


class DuplicateState(StrEnum):
    """What a merchant decided about a pair."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


DuplicateReason = tuple[str, str]  # a kind and a value that people who are one would share


class DuplicateKey(SQLModel, table=True):
    """One thing that a profile would have in common with another of the same person."""

    __tablename__ = "duplicate_key"
    __table_args__ = (
        Index("duplicate_key_profile", "shop_id", "profile_id"),
        {"sqlite_with_rowid": False},
    )

    shop_id: int = shop_key()
    kind: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    profile_id: int = Field(primary_key=True, sa_type=BigInteger)


class DuplicateCheckDue(SQLModel, table=True):
    """A profile that is new, or looks different, since anybody compared it with others."""

    __tablename__ = "duplicate_check_due"

    shop_id: int = shop_key()
    profile_id: int = Field(primary_key=True, sa_type=BigInteger)


class Duplicate(SQLModel, table=True):
    """Two profiles that might be one person, the older first; a dismissed pair stays dismissed."""

    __table_args__ = (Index("duplicate_state", "shop_id", "state", "found_at"),)

    shop_id: int = shop_key()
    profile_id: int = Field(primary_key=True, sa_type=BigInteger)
    other_profile_id: int = Field(primary_key=True, sa_type=BigInteger)
    reason: str = Field(description="phone, mailbox, typo, name")
    state: DuplicateState = enum_column(DuplicateState, default=DuplicateState.OPEN)
    found_at: datetime = moment()
    decided_at: datetime | None = moment(default=None)
    decided_by: str = ""


class DuplicateRow(TypedDict):
    """One row of `Duplicate`; the database gives it what is not required."""

    shop_id: int
    profile_id: int
    other_profile_id: int
    reason: str
    state: NotRequired[DuplicateState]
    found_at: datetime
    decided_at: NotRequired[datetime | None]
    decided_by: NotRequired[str]


def save_keys(
    session: Session,
    shop_id: int,
    profile_ids: Collection[int],
    keys: Iterable[tuple[int, DuplicateReason]],
) -> None:
    """Let these be the only keys of some profiles."""
    session.connection().execute(
        delete(DuplicateKey).where(
            col(DuplicateKey.shop_id) == shop_id,
            bulk.is_among(col(DuplicateKey.profile_id), profile_ids),
        )
    )
    bulk.add_rows(
        session,
        DuplicateKey,
        [
            {"shop_id": shop_id, "kind": kind, "value": value, "profile_id": profile_id}
            for profile_id, (kind, value) in keys
        ],
    )


def mark_unchecked(session: Session, shop_id: int, profile_ids: Collection[int]) -> None:
    """Let some profiles be looked at."""
    rows = [{"shop_id": shop_id, "profile_id": profile_id} for profile_id in profile_ids]
    bulk.add_rows(session, DuplicateCheckDue, rows, unless_known=True)


def shops_with_unchecked(session: Session) -> list[int]:
    """Return installed shops that have profiles still to be checked for duplicates."""
    new = select(1).where(DuplicateCheckDue.shop_id == Shop.id).exists()
    query = select(Shop.id).where(col(Shop.uninstalled_at).is_(None), new)
    found = db.across_shops(session, query, "the clock enqueues duplicate checks")
    return list(found.scalars())


def unchecked_profiles(session: Session, shop_id: int, limit: int) -> Sequence[int]:
    """Return some profiles still to be checked for duplicates, the oldest first."""
    return session.exec(
        select(DuplicateCheckDue.profile_id)
        .where(DuplicateCheckDue.shop_id == shop_id)
        .order_by(col(DuplicateCheckDue.profile_id))
        .limit(limit)
    ).all()


def mark_checked(session: Session, shop_id: int, profile_ids: Collection[int]) -> None:
    """Remember that some profiles were looked at."""
    session.connection().execute(
        delete(DuplicateCheckDue).where(
            col(DuplicateCheckDue.shop_id) == shop_id,
            bulk.is_among(col(DuplicateCheckDue.profile_id), profile_ids),
        )
    )


def profiles_with_key(session: Session, shop_id: int, key: DuplicateReason) -> Sequence[int]:
    """Who has a key: the youngest, and only as many as are worth a look."""
    kind, value = key
    return session.exec(
        select(DuplicateKey.profile_id)
        .where(
            DuplicateKey.shop_id == shop_id, DuplicateKey.kind == kind, DuplicateKey.value == value
        )
        .order_by(col(DuplicateKey.profile_id).desc())
        .limit(MAX_OPEN_DUPLICATES)
    ).all()


def suggest_duplicates(session: Session, rows: Sequence[DuplicateRow]) -> None:
    """Add undecided pairs."""
    if rows:
        statement = db.insert(Duplicate).on_conflict_do_nothing()
        session.connection().execute(statement, list(rows))


def decide_duplicate(
    session: Session,
    shop_id: int,
    pair: tuple[int, int],
    state: DuplicateState,
    *,
    at: datetime,
    by: str,
) -> bool:
    """Save a merchant's decision on a pair; return whether it was open."""
    done = session.connection().execute(
        update(Duplicate)
        .where(
            col(Duplicate.shop_id) == shop_id,
            col(Duplicate.profile_id) == pair[0],
            col(Duplicate.other_profile_id) == pair[1],
            col(Duplicate.state) == DuplicateState.OPEN,
        )
        .values(state=state, decided_at=at, decided_by=by)
    )
    return bool(done.rowcount)


def dismiss_duplicate(
    session: Session, shop_id: int, pair: tuple[int, int], at: datetime, *, by: str
) -> None:
    """Never suggest a pair that a person has parted, whether it was suggested before or not."""
    decision = {"state": DuplicateState.DISMISSED, "decided_at": at, "decided_by": by}
    row = {"shop_id": shop_id, "profile_id": min(pair), "other_profile_id": max(pair), "reason": ""}
    session.connection().execute(
        db.insert(Duplicate)
        .values(**row, found_at=at, **decision)
        .on_conflict_do_update(
            index_elements=["shop_id", "profile_id", "other_profile_id"], set_=decision
        )
    )


def open_page(session: Session, shop_id: int, limit: int) -> Sequence[Duplicate]:
    """The pairs that wait for a person, last found first."""
    return session.exec(
        select(Duplicate)
        .where(Duplicate.shop_id == shop_id, Duplicate.state == DuplicateState.OPEN)
        .order_by(
            col(Duplicate.found_at).desc(),
            col(Duplicate.profile_id),
            col(Duplicate.other_profile_id),
        )
        .limit(limit)
    ).all()


def close_duplicates(session: Session, shop_id: int, pairs: Collection[tuple[int, int]]) -> None:
    """Delete pairs that are none any more: one side was merged or redacted."""
    if pairs:
        session.connection().execute(
            delete(Duplicate).where(
                col(Duplicate.shop_id) == shop_id,
                bulk.is_among_pairs(
                    col(Duplicate.profile_id), col(Duplicate.other_profile_id), pairs
                ),
            )
        )


def count_open(session: Session, shop_id: int, *, whole: bool = False) -> Count:
    """How many pairs wait for a person; see `storage.counts`."""
    waiting = columns(col(Duplicate.profile_id)).where(
        col(Duplicate.shop_id) == shop_id, col(Duplicate.state) == DuplicateState.OPEN
    )
    return counts.count_rows(session, shop_id, counts.DUPLICATES, waiting, whole=whole)
