"""Reconciliations: up to when our rows were compared with Shopify's, and what was repaired."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CursorResult, Index, and_, delete, func, or_, update
from sqlmodel import Field, Session, SQLModel, col, select

from storage.backfills import Backfill, BackfillState, StoreNoun
from storage.engine import db
from storage.engine.types import Moment, big, enum_column, json_column, moment, shop_key
from storage.shops import Shop


class DifferenceKind(StrEnum):
    """How a record of ours differs from the storefront's."""

    MISSING = "missing"  # we have none
    PARTIAL = "partial"  # ours lacks some of its events
    STALE = "stale"  # ours is older


class Reconciliation(SQLModel, table=True):
    """One noun of a shop's. A window's progress is written with the repairs that it stands for."""

    __table_args__ = (Index("reconciliation_due", "due_at"),)

    shop_id: int = shop_key()
    noun: StoreNoun = enum_column(StoreNoun, primary_key=True)
    generation: int = Field(description="the install that it is for")
    since: datetime = moment()  # what changed before is settled
    until: datetime | None = moment(default=None)  # the open window's end; None between two
    cursor: str = Field(default="", description="the cursor from which the window is read on")
    due_at: datetime = moment()
    attempts: int = 0
    error: str = Field(default="", description="for a person")
    # Of the open window, or of the last:
    compared: int = big(default=0)
    missing: int = big(default=0)
    partial: int = big(default=0)
    stale: int = big(default=0)
    unresolved: int = big(default=0)  # what could not be repaired or parsed
    finished_at: datetime | None = moment(default=None)
    inactive_topics: list[str] = json_column(
        list
    )  # topics without deliveries, though records changed

    @property
    def repaired(self) -> int:
        """How many records the open window, or the last, repaired."""
        return self.missing + self.partial + self.stale


class Repair(SQLModel, table=True):
    """How many records of a kind one window repaired. It names none of them."""

    shop_id: int = shop_key()
    until: datetime = Field(primary_key=True, sa_type=Moment)
    noun: StoreNoun = enum_column(StoreNoun, primary_key=True)
    kind: DifferenceKind = enum_column(DifferenceKind, primary_key=True)
    count: int = big()


def due_shops(session: Session, now: datetime) -> list[int]:
    """Return installed shops with a noun to compare: one that is due, or was never compared since
    the backfill.
    """
    query = (
        select(Backfill.shop_id)
        .join(Shop, col(Shop.id) == col(Backfill.shop_id))
        .outerjoin(Reconciliation, _same(Backfill))
        .where(
            col(Shop.uninstalled_at).is_(None),
            Backfill.state == BackfillState.DONE,
            or_(col(Reconciliation.noun).is_(None), col(Reconciliation.due_at) <= now),
        )
        .distinct()
    )
    rows = db.across_shops(session, query, "the clock enqueues reconciliations")
    return [row[0] for row in rows]


def _same(stage: type[Backfill]) -> Any:
    return and_(
        col(Reconciliation.shop_id) == col(stage.shop_id),
        col(Reconciliation.noun) == col(stage.stage),
        col(Reconciliation.generation) == col(stage.generation),
    )


def start_windows(
    session: Session, shop: Shop, past: Mapping[StoreNoun, datetime], now: datetime
) -> None:
    """Begin with the nouns of this install that have not begun, each from a moment on."""
    held = {row.noun: row for row in of_shop(session, shop.id)}
    for noun, since in past.items():
        old = held.get(noun)
        if old is not None and old.generation == shop.generation:
            continue
        if old is not None:
            session.delete(old)
            session.flush()
        session.add(
            Reconciliation(
                shop_id=shop.id, noun=noun, generation=shop.generation, since=since, due_at=now
            )
        )
    session.flush()


def of_shop(session: Session, shop_id: int) -> Sequence[Reconciliation]:
    """A shop's nouns."""
    return session.exec(
        select(Reconciliation)
        .where(Reconciliation.shop_id == shop_id)
        .order_by(col(Reconciliation.noun))
    ).all()


def save_progress(session: Session, held: Reconciliation, **changes: Any) -> bool:
    """Advance a window from where `held` saw it; return whether it still stood there.

    The position is part of the condition, so that concurrent workers count nothing twice.
    """
    until = col(Reconciliation.until)
    moved = session.connection().execute(
        update(Reconciliation)
        .where(
            col(Reconciliation.shop_id) == held.shop_id,
            col(Reconciliation.noun) == held.noun,
            col(Reconciliation.generation) == held.generation,
            col(Reconciliation.since) == held.since,
            until.is_(None) if held.until is None else until == held.until,
            col(Reconciliation.cursor) == held.cursor,
        )
        .values(changes)
    )
    return isinstance(moved, CursorResult) and moved.rowcount == 1


def add_repairs(
    session: Session, held: Reconciliation, counts: Mapping[DifferenceKind, int]
) -> None:
    """Add the repairs of a part of a window, by kind."""
    if not counts:
        return
    upsert = db.insert(Repair)
    session.connection().execute(
        upsert.on_conflict_do_update(
            index_elements=["shop_id", "until", "noun", "kind"],
            set_={"count": upsert.table.c["count"] + upsert.excluded["count"]},
        ),
        [
            {"shop_id": held.shop_id, "until": held.until, "noun": held.noun, "kind": kind,
             "count": count}
            for kind, count in counts.items()
        ],
    )  # fmt: skip


def repairs(
    session: Session, shop_id: int, since: datetime
) -> dict[tuple[str, DifferenceKind], int]:
    """Return how many records were repaired since a moment, by noun and kind."""
    rows = session.exec(
        select(Repair.noun, col(Repair.kind), func.sum(Repair.count))
        .where(Repair.shop_id == shop_id, Repair.until >= since)
        .group_by(Repair.noun, Repair.kind)
    )
    return {(noun, kind): int(count) for noun, kind, count in rows}


def delete_repairs(session: Session, shop_id: int, before: datetime) -> None:
    """Delete repairs that are no longer listed."""
    session.connection().execute(
        delete(Repair).where(col(Repair.shop_id) == shop_id, col(Repair.until) < before)
    )
