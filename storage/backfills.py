"""The reading of a shop's past: how far each stage is, and lines that wait for their parents."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CursorResult, Index, delete, text, update
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import bulk, db
from storage.engine.types import Row, big, enum_column, moment, shop_key
from storage.shops import Shop


class BackfillState(StrEnum):
    """`waiting → requested → reading → joining → done | failed`."""

    WAITING = "waiting"
    REQUESTED = "requested"  # the storefront runs its operation
    READING = "reading"  # lines of the result
    JOINING = "joining"  # lines to their parents
    DONE = "done"
    FAILED = "failed"


class StoreNoun(StrEnum):
    """What is read of a store: a stage of its history, or what is compared with ours."""

    CUSTOMERS = "customers"
    PRODUCTS = "products"
    ORDERS = "orders"
    CHECKOUTS = "checkouts"
    COLLECTIONS = "collections"
    STOCK = "stock"  # by place
    SUBSCRIPTIONS = "subscriptions"
    REFUNDS = "refunds"  # this and the next two are told of orders, and no stages
    RETURNS = "returns"
    FULFILMENTS = "fulfilments"
    DELETIONS = "deletions"  # of products; no stage
    COLLECTION_DELETIONS = "collection_deletions"  # no stage


ENDED_STATES = (BackfillState.DONE, BackfillState.FAILED)
COUNTS = ("lines_available", "lines_read", "offset", "total", "done", "skipped")  # of a stage


class Backfill(SQLModel, table=True):
    """One stage of the reading. Its progress is written with the rows that it stands for."""

    __table_args__ = (
        Index("backfill_due", "due_at",
              postgresql_where=text("state NOT IN ('done', 'failed')"),
              sqlite_where=text("state NOT IN ('done', 'failed')")),
    )  # fmt: skip

    shop_id: int = shop_key()
    stage: StoreNoun = enum_column(StoreNoun, primary_key=True)
    generation: int = Field(description="the install that it is for")
    stage_order: int = Field(description="its place among the stages")
    state: BackfillState = enum_column(BackfillState, default=BackfillState.WAITING)
    operation_id: str = Field(default="", description="the storefront's id of its operation")
    requested_at: datetime | None = moment(default=None)
    advanced_at: datetime | None = moment(default=None)
    due_at: datetime = moment()
    attempts: int = 0
    lines_available: int = big(default=0)  # lines that the operation has so far
    lines_read: int = big(default=0)  # lines that were read
    offset: int = big(default=0)  # where reading goes on: a byte of the result, or an id
    total: int = big(default=0)  # customers, products, …
    done: int = big(default=0)  # of these
    skipped: int = big(default=0)  # of these, not understood
    error: str = Field(default="", description="for a person")
    started_at: datetime = moment()
    finished_at: datetime | None = moment(default=None)

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1; what waits for parents is half done."""
        if self.state in ENDED_STATES:
            return 1.0
        read = self.lines_read / self.lines_available if self.lines_available else 0.0
        kept = self.done / self.total if self.total else 0.0
        return min(1.0, (read + kept) / 2)


class BackfillLine(SQLModel, table=True):
    """One line of a result, until all that belongs together is there."""

    __tablename__ = "backfill_line"

    shop_id: int = shop_key()
    stage: str = Field(
        primary_key=True, description='a `StoreNoun`; compared with "" where a page of lines begins'
    )
    root: str = Field(primary_key=True, description="the id of the parent, or its own")
    line: int = Field(primary_key=True, sa_type=BigInteger)
    body: str


def start_stages(session: Session, shop: Shop, stages: Sequence[StoreNoun], now: datetime) -> None:
    """Begin the stages of this install that have not begun; those of an earlier one anew."""
    for position, stage in enumerate(stages):
        held = session.get(Backfill, (shop.id, stage))
        if held is not None and held.generation == shop.generation:
            continue
        if held is not None:
            session.delete(held)
            delete_lines(session, shop.id, stage)
            session.flush()
        session.add(
            Backfill(
                shop_id=shop.id,
                stage=stage,
                generation=shop.generation,
                stage_order=position,
                due_at=now,
                started_at=now,
            )
        )
    session.flush()


def retry_stages(session: Session, shop_id: int, now: datetime) -> None:
    """Read the stages that failed once more, each from its beginning."""
    for held in stages_of(session, shop_id):
        if held.state == BackfillState.FAILED:
            delete_lines(session, shop_id, held.stage)
            fresh = dict.fromkeys((*COUNTS, "attempts"), 0)
            changes = {
                "state": BackfillState.WAITING,
                "operation_id": "",
                "error": "",
                "due_at": now,
            }
            save_progress(session, held, finished_at=None, **changes, **fresh)


def delete_backfill(session: Session, shop_id: int) -> None:
    """Let the reading begin anew."""
    for table in (Backfill, BackfillLine):
        session.connection().execute(delete(table).where(col(table.shop_id) == shop_id))


def stages_of(session: Session, shop_id: int) -> Sequence[Backfill]:
    """A shop's stages, in the order in which they are done."""
    return session.exec(
        select(Backfill).where(Backfill.shop_id == shop_id).order_by(col(Backfill.stage_order))
    ).all()


def due_shops(session: Session, now: datetime) -> list[int]:
    """Installed shops of which a stage is due."""
    query = (
        select(Backfill.shop_id)
        .join(Shop, col(Shop.id) == col(Backfill.shop_id))
        .where(
            col(Shop.uninstalled_at).is_(None),
            col(Backfill.state).not_in(ENDED_STATES),
            Backfill.due_at <= now,
        )
        .distinct()
    )
    rows = db.across_shops(session, query, "the clock enqueues backfills")
    return [row[0] for row in rows]


def make_due(session: Session, shop_id: int, operations: Sequence[str], now: datetime) -> bool:
    """Look at these operations now; whether any of them is a stage's."""
    if not operations:
        return False
    done = session.connection().execute(
        update(Backfill)
        .where(
            col(Backfill.shop_id) == shop_id,
            col(Backfill.operation_id).in_(operations),
            col(Backfill.state) == BackfillState.REQUESTED,
        )
        .values(due_at=now)
    )
    return isinstance(done, CursorResult) and done.rowcount > 0


def save_progress(session: Session, held: Backfill, **changes: Any) -> bool:
    """Advance a stage from where `held` saw it; return whether it still stood there.

    The position is part of the condition, so that concurrent workers count nothing twice.
    """
    moved = session.connection().execute(
        update(Backfill)
        .where(
            col(Backfill.shop_id) == held.shop_id,
            col(Backfill.stage) == held.stage,
            col(Backfill.generation) == held.generation,
            col(Backfill.state) == held.state,
            col(Backfill.offset) == held.offset,
            col(Backfill.done) == held.done,
        )
        .values(changes)
    )
    return isinstance(moved, CursorResult) and moved.rowcount == 1


def add_lines(
    session: Session, shop_id: int, stage: StoreNoun, rows: Sequence[tuple[str, int, str]]
) -> None:
    """Put lines aside: (root, number, body)."""
    put_aside: list[Row] = [
        {"shop_id": shop_id, "stage": stage, "root": root, "line": line, "body": body}
        for root, line, body in rows
    ]
    bulk.add_rows(session, BackfillLine, put_aside)


def next_lines(
    session: Session, shop_id: int, stage: StoreNoun, limit: int
) -> list[tuple[str, str]]:
    """Lines that were put aside, as (root, body): what belongs together stands together, in the
    order in which it came.
    """
    rows = session.exec(
        select(BackfillLine.root, BackfillLine.body)
        .where(BackfillLine.shop_id == shop_id, BackfillLine.stage == stage)
        .order_by(col(BackfillLine.root), col(BackfillLine.line))
        .limit(limit)
    )
    return [(root, body) for root, body in rows]


def delete_lines(
    session: Session, shop_id: int, stage: StoreNoun, until: str | None = None
) -> None:
    """Drop lines that were put aside, all or those up to a root."""
    gone = delete(BackfillLine).where(
        col(BackfillLine.shop_id) == shop_id, col(BackfillLine.stage) == stage
    )
    if until is not None:
        gone = gone.where(col(BackfillLine.root) <= until)
    session.connection().execute(gone)
