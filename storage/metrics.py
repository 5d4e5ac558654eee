"""Metrics: the kinds of events that a shop has, and how many events were not taken, and why."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, TypedDict

from sqlalchemy import Index, delete, func, insert
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import bulk, db
from storage.engine.types import enum_column, moment, row_key, shop_key
from storage.events import Event
from storage.flows import Flow


class MetricService(StrEnum):
    """Who sends the events of a metric."""

    SHOPIFY = "shopify"
    REGULARS = "regulars"
    ONSITE = "onsite"
    API = "api"


class RejectReason(StrEnum):
    """Why an event is not taken."""

    NAME = "name"
    RESERVED = "reserved"
    METRICS = "metrics"
    UNIQUE_ID = "unique_id"
    TIME = "time"
    VALUE = "value"
    SIZE = "size"
    PROPERTIES = "properties"
    FIELD = "field"
    ITEMS = "items"
    DEPTH = "depth"


class Metric(SQLModel, table=True):
    """A kind of event that the merchant named; those of the storefront's and ours are in code."""

    __table_args__ = (Index("metric_name", "shop_id", "name", unique=True),)

    shop_id: int = shop_key()
    id: int = row_key()
    name: str
    service: MetricService = enum_column(MetricService, description="onsite or api")
    first_seen_at: datetime = moment()


class MetricRow(TypedDict):
    """One row of `Metric`."""

    shop_id: int
    id: int
    name: str
    service: MetricService
    first_seen_at: datetime


class RejectedEvent(SQLModel, table=True):
    """How many events of a day were not taken for one reason."""

    __tablename__ = "rejected_event"

    shop_id: int = shop_key()
    day: date = Field(primary_key=True)
    reason: RejectReason = enum_column(RejectReason, primary_key=True)
    count: int = 0


class SeenMetric(NamedTuple):
    """A metric that a shop has events of, and when its first one happened."""

    name: str
    first_at: datetime


def known_metrics(session: Session, shop_id: int, names: Iterable[str]) -> set[str]:
    """Those of some names that have a row."""
    rows = session.exec(
        select(Metric.name).where(
            Metric.shop_id == shop_id, bulk.is_among(col(Metric.name), set(names))
        )
    )
    return set(rows)


def count_metrics(session: Session, shop_id: int, service: MetricService | None = None) -> int:
    """Count the merchant's own metrics, or those of one service."""
    query = select(func.count()).select_from(Metric).where(Metric.shop_id == shop_id)
    if service is not None:
        query = query.where(Metric.service == service)
    return session.exec(query).one()


def add_metrics(session: Session, rows: Sequence[MetricRow]) -> None:
    """Add metrics that are not known yet."""
    if rows:
        session.connection().execute(insert(Metric), list(rows))


def delete_unused_metrics(session: Session, shop_id: int) -> int:
    """Delete metrics without an event, as of a shopper who alone had one: its name may hold theirs.

    One that starts a flow is the merchant's own word.
    """
    names = set(session.exec(select(Metric.name).where(Metric.shop_id == shop_id)))
    if not names:
        return 0
    names -= {seen.name for seen in seen_metrics(session, shop_id)}
    triggers = session.exec(select(Flow.trigger).where(Flow.shop_id == shop_id))
    names -= {trigger.removeprefix("metric:") for trigger in triggers}
    unused = (col(Metric.shop_id) == shop_id, bulk.is_among(col(Metric.name), names))
    return session.connection().execute(delete(Metric).where(*unused)).rowcount if names else 0


def metrics_of(session: Session, shop_id: int) -> dict[str, Metric]:
    """The metrics that a merchant named, by name."""
    found = session.exec(select(Metric).where(Metric.shop_id == shop_id).order_by(col(Metric.name)))
    return {metric.name: metric for metric in found}


def seen_metrics(session: Session, shop_id: int) -> list[SeenMetric]:
    """Every metric that a shop has events of, by name.

    It goes from one name to the next along the index, which takes one step a metric, however many
    events there are.
    """
    mine = Event.shop_id == shop_id
    names = select(func.min(Event.metric).label("name")).where(mine).cte("names", recursive=True)
    after = (
        select(func.min(Event.metric))
        .where(mine, col(Event.metric) > names.c.name)
        .correlate(names)
        .scalar_subquery()
    )
    names = names.union_all(select(after).where(names.c.name.is_not(None)))
    first = (
        select(func.min(Event.occurred_at))
        .where(mine, col(Event.metric) == names.c.name)
        .correlate(names)
        .scalar_subquery()
    )
    query = select(names.c.name, first).where(names.c.name.is_not(None)).order_by(names.c.name)
    return [SeenMetric(name, at) for name, at in session.exec(query)]


def count_rejected(
    session: Session, shop_id: int, day: date, reason: RejectReason, *, count: int
) -> None:
    """Count events that are not taken."""
    upsert = db.insert(RejectedEvent).values(shop_id=shop_id, day=day, reason=reason, count=count)
    session.connection().execute(
        upsert.on_conflict_do_update(
            index_elements=["shop_id", "day", "reason"],
            set_={"count": col(RejectedEvent.count) + count},
        )
    )


def rejected_events(session: Session, shop_id: int, since: date) -> dict[RejectReason, int]:
    """How many events were not taken since a day, by reason."""
    rows = session.exec(
        select(col(RejectedEvent.reason), func.sum(RejectedEvent.count))
        .where(RejectedEvent.shop_id == shop_id, RejectedEvent.day >= since)
        .group_by(col(RejectedEvent.reason))
    )
    return {reason: int(count) for reason, count in rows}
