"""The workload of all shops: how much is due, how late it is, and what failed, for monitoring.

Every question is answered by an index and looks at `MAX_ROWS` rows at the most, however many there
are: a figure at that limit means that many or more. No row names a shop or a shopper.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import case, func, literal, text
from sqlalchemy import select as columns
from sqlmodel import Session, col

from storage import arrivals
from storage.backfills import ENDED_STATES, Backfill, BackfillState
from storage.engine import db
from storage.flows import Enrolment, EnrolmentState
from storage.inbox import Delivery, DeliveryState, settled
from storage.messages import LOST, Message, MessageState
from storage.reconciliations import Reconciliation
from storage.shops import Shop

MAX_ROWS = 5_000  # 40 ms of CPU for all questions, where each finds so many (measured)
MAX_DELIVERIES_AGED = 1_000  # to read when a delivery came is to read its page
WHY = "monitoring counts what is due in all shops"


class Backlog(NamedTuple):
    """How many rows are due, and since when the oldest is."""

    due: int
    oldest: datetime | None


class MessageBacklog(NamedTuple):
    """As `Backlog`, of one channel; `overdue` ones should long have been sent."""

    channel: str
    due: int
    overdue: int
    oldest: datetime


class MessageCount(NamedTuple):
    """How many messages of a channel are in a state for a reason."""

    channel: str
    state: str
    reason: str
    number: int


def due_rows(session: Session, table: Any, state: str, now: datetime) -> Backlog:
    """What is due of a table with `state` and `due_at`."""
    some = (
        columns(table.due_at)
        .where(table.state == state, table.due_at <= now)
        .order_by(table.due_at)
        .limit(MAX_ROWS)
        .subquery()
    )
    row = _run(session, columns(func.count(), func.min(some.c.due_at))).one()
    return Backlog(row[0], row[1])


def due_messages(session: Session, now: datetime, overdue_at: datetime) -> list[MessageBacklog]:
    """What is due on each channel, and what was due before `overdue_at`."""
    found: dict[str, MessageBacklog] = {}
    for transactional in (True, False):
        some = (
            columns(col(Message.channel), col(Message.due_at))
            .where(*_unsent(transactional), col(Message.due_at) <= now)
            .order_by(col(Message.due_at))
            .limit(MAX_ROWS)
            .subquery()
        )
        late = func.sum(case((some.c.due_at <= overdue_at, 1), else_=0))
        query = columns(some.c.channel, func.count(), late, func.min(some.c.due_at))
        for row in _run(session, query.group_by(some.c.channel)):
            new = MessageBacklog(*row)
            old = found.get(new.channel, MessageBacklog(new.channel, 0, 0, new.oldest))
            found[new.channel] = MessageBacklog(
                new.channel,
                old.due + new.due,
                old.overdue + new.overdue,
                min(old.oldest, new.oldest),
            )
    return list(found.values())


def messages_put_off(session: Session, now: datetime) -> list[MessageCount]:
    """Messages that wait for later, by reason, of those that come next."""
    found: list[MessageCount] = []
    for transactional in (True, False):
        some = (
            columns(col(Message.channel), col(Message.state), col(Message.skip_reason))
            .where(*_unsent(transactional), col(Message.due_at) > now)
            .order_by(col(Message.due_at))
            .limit(MAX_ROWS)
        )
        found += [row for row in _by_reason(session, some) if row.reason]
    return found


def messages_failed(session: Session, since: datetime) -> Sequence[MessageCount]:
    """Messages that were due since a moment and failed, or of which nothing is known, by reason."""
    some = (
        columns(col(Message.channel), col(Message.state), col(Message.skip_reason))
        .where(text(LOST), col(Message.due_at) >= since)
        .limit(MAX_ROWS)
    )
    return _by_reason(session, some)


def new_deliveries(session: Session) -> Backlog:
    """Undigested deliveries, and when the oldest came: of the first thousand by shop."""
    new = col(Delivery.state) == DeliveryState.NEW
    some = columns(col(Delivery.shop_id)).where(new).limit(MAX_ROWS).subquery()
    aged = columns(col(Delivery.received_at)).where(new).limit(MAX_DELIVERIES_AGED).subquery()
    count = _run(session, columns(func.count()).select_from(some)).scalar_one()
    oldest = _run(session, columns(func.min(aged.c.received_at))).scalar_one()
    untaken, first = arrivals.count_untaken(session, MAX_ROWS)
    return Backlog(count + untaken, min(filter(None, (oldest, first)), default=None))


def count_quarantined(session: Session) -> int:
    """Deliveries that could not be digested."""
    shop = col(Delivery.shop_id)
    shops = columns(func.min(shop).label("shop_id")).cte("shops", recursive=True)
    after = columns(func.min(shop)).where(shop > shops.c.shop_id).scalar_subquery()
    shops = shops.union_all(columns(after).where(shops.c.shop_id.is_not(None)))
    some = (
        columns(literal(1))
        .select_from(shops)
        .join(Delivery, shop == shops.c.shop_id)
        .where(*settled(DeliveryState.QUARANTINED))
        .limit(MAX_ROWS)
        .subquery()
    )
    return int(_run(session, columns(func.count()).select_from(some)).scalar_one())


def backfill_states(session: Session, now: datetime) -> tuple[Backlog, int]:
    """The stages of shops' histories that are to go on, and how many failed."""
    due = (
        columns(col(Backfill.due_at))
        .where(col(Backfill.state).not_in(ENDED_STATES), col(Backfill.due_at) <= now)
        .limit(MAX_ROWS)
        .subquery()
    )
    failed = (
        columns(literal(1))
        .where(col(Backfill.state) == BackfillState.FAILED)
        .limit(MAX_ROWS)
        .subquery()
    )
    row = _run(session, columns(func.count(), func.min(due.c.due_at))).one()
    count = _run(session, columns(func.count()).select_from(failed)).scalar_one()
    return Backlog(row[0], row[1]), count


def due_reconciliations(session: Session, now: datetime) -> Backlog:
    """The comparisons with installed shops that are due."""
    some = (
        columns(col(Reconciliation.due_at))
        .join(Shop, col(Shop.id) == col(Reconciliation.shop_id))
        .where(col(Shop.uninstalled_at).is_(None), col(Reconciliation.due_at) <= now)
        .order_by(col(Reconciliation.due_at))
        .limit(MAX_ROWS)
        .subquery()
    )
    row = _run(session, columns(func.count(), func.min(some.c.due_at))).one()
    return Backlog(row[0], row[1])


def count_far_leases(session: Session, seconds: float) -> int:
    """Messages and enrolments that are leased for longer than `seconds` from now, of those that are
    the first to be due.
    """
    limit = db.database_time(session) + seconds
    waiting: list[tuple[Any, str]] = [
        (Message, MessageState.DUE),
        (Enrolment, EnrolmentState.WAITING),
    ]
    found = 0
    for table, state in waiting:
        first = columns(table.lease_until).where(table.state == state)
        some = first.order_by(table.due_at).limit(MAX_ROWS).subquery()
        far = columns(func.count()).select_from(some).where(some.c.lease_until > limit)
        found += int(_run(session, far).scalar_one())
    return found


def count_far_delivery_leases(session: Session, seconds: float) -> int:
    """As `count_far_leases`, of new deliveries."""
    limit = db.database_time(session) + seconds
    new = columns(col(Delivery.lease_until)).where(col(Delivery.state) == DeliveryState.NEW)
    some = new.limit(MAX_ROWS).subquery()
    far = columns(func.count()).select_from(some).where(some.c.lease_until > limit)
    return int(_run(session, far).scalar_one())


def count_shops(session: Session) -> tuple[int, int]:
    """How many shops are installed, and how many are not any more."""
    gone = func.sum(case((col(Shop.uninstalled_at).is_(None), 0), else_=1))
    total, uninstalled = (
        session.connection().execute(columns(func.count(), gone).select_from(Shop)).one()
    )
    return total - (uninstalled or 0), uninstalled or 0


def _unsent(transactional: bool) -> tuple[Any, ...]:
    return (
        col(Message.state) == MessageState.DUE,
        col(Message.transactional).is_(transactional),
    )


def _by_reason(session: Session, rows: Any) -> Sequence[MessageCount]:
    some = rows.subquery()
    kind = (some.c.channel, some.c.state, some.c.skip_reason)
    found = _run(session, columns(*kind, func.count()).group_by(*kind))
    return [MessageCount(*row) for row in found]


def _run(session: Session, query: Any) -> Any:
    return db.across_shops(session, query, WHY)
