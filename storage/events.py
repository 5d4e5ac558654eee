"""What shoppers did: one append-only row an event, under Klaviyo's metric names.

Events are added, deleted and moved here alone, so that each shopper's daily counts
(`storage.activity`) stay equal to them.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import Index, bindparam, delete, func, or_, tuple_, update
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage import activity
from storage.engine import bulk, db
from storage.engine.types import (
    Json,
    JsonObject,
    big,
    json_column,
    moment,
    origin,
    row_key,
    shop_key,
)
from storage.shops import Shop

# From when until when, both included; None where there is no end.
Span = tuple[datetime | None, datetime | None]
PAGE_SIZE = 500  # of events that are read one after the other


class Event(SQLModel, table=True):
    """One thing that a shopper did or received; `unique_id` makes a second telling a no-op."""

    __table_args__ = (
        Index("event_unique", "shop_id", "metric", "unique_id", unique=True),
        Index("event_profile", "shop_id", "profile_id", "occurred_at"),
        Index("event_metric", "shop_id", "metric", "occurred_at"),
        Index("event_latest", "shop_id", "occurred_at"),
    )

    shop_id: int = shop_key()
    id: int = row_key()
    profile_id: int = big()
    source_profile_id: int | None = origin()
    metric: str = Field(description="as Klaviyo names it: Placed Order, Viewed Product, …")
    unique_id: str
    occurred_at: datetime = moment()
    value: int | None = big(nullable=True, default=None)
    currency: str | None = None
    properties: JsonObject = json_column()


class EventRow(TypedDict):
    """One row of `Event`."""

    shop_id: int
    id: int
    profile_id: int
    source_profile_id: int | None
    metric: str
    unique_id: str
    occurred_at: datetime
    value: int | None
    currency: str | None
    properties: JsonObject


class EventDescription(TypedDict):
    """What may change of a known event, and the names that it is found by."""

    metric: str
    unique_id: str
    value: int | None
    currency: str | None
    properties: JsonObject


def add_events(session: Session, rows: Sequence[EventRow]) -> set[int]:
    """Insert events that are not known yet; the ids of those that were new."""
    if not rows:
        return set()
    shop_id, new = rows[0]["shop_id"], {row["id"] for row in rows}
    if bulk.add_rows(session, Event, rows, unless_known=True) < len(rows):
        kept = select(Event.id).where(Event.shop_id == shop_id, bulk.is_among(col(Event.id), new))
        new = set(session.exec(kept))
    activity.add_counts(session, shop_id, [row for row in rows if row["id"] in new])
    return new


def describe_events(session: Session, shop_id: int, rows: Sequence[EventDescription]) -> None:
    """Bring value and properties of known events up to date, by metric and unique id."""
    if not rows:
        return
    session.connection().execute(
        update(Event)
        .where(
            col(Event.shop_id) == shop_id,
            col(Event.metric) == bindparam("of_metric"),
            col(Event.unique_id) == bindparam("of_unique_id"),
        )
        .values(
            value=bindparam("to_value"),
            currency=bindparam("to_currency"),
            properties=bindparam("to_properties", type_=Json),
        ),
        [
            {
                "of_metric": row["metric"],
                "of_unique_id": row["unique_id"],
                "to_value": row["value"],
                "to_currency": row["currency"],
                "to_properties": row["properties"],
            }
            for row in rows
        ],
    )


def descriptions(
    session: Session, shop_id: int, metric: str, unique_ids: Collection[str]
) -> dict[str, EventDescription]:
    """What is kept of a metric's events that may change, by unique id."""
    if not unique_ids:
        return {}
    what = (col(Event.unique_id), col(Event.value), col(Event.currency), col(Event.properties))
    rows = session.connection().execute(
        columns(*what).where(
            col(Event.shop_id) == shop_id,
            col(Event.metric) == metric,
            col(Event.unique_id).in_(sorted(unique_ids)),
        )
    )
    return {
        unique_id: {
            "metric": metric,
            "unique_id": unique_id,
            "value": value,
            "currency": currency,
            "properties": properties,
        }
        for unique_id, value, currency, properties in rows
    }


def rename_events(
    session: Session, shop_id: int, metric: str, names: Sequence[tuple[str, str]]
) -> None:
    """Let events of a metric be known by another unique id: (from, to) of each."""
    if names:
        session.connection().execute(
            update(Event)
            .where(
                col(Event.shop_id) == shop_id,
                col(Event.metric) == metric,
                col(Event.unique_id) == bindparam("from_unique_id"),
            )
            .values(unique_id=bindparam("to_unique_id")),
            [{"from_unique_id": old, "to_unique_id": new} for old, new in names],
        )


def known_events(
    session: Session, shop_id: int, names: Sequence[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Those of some (metric, unique id) pairs that are known."""
    by_metric: dict[str, list[str]] = {}
    for metric, unique_id in names:
        by_metric.setdefault(metric, []).append(unique_id)
    found: set[tuple[str, str]] = set()
    for metric, unique_ids in by_metric.items():
        rows = session.exec(
            select(Event.unique_id).where(
                Event.shop_id == shop_id,
                Event.metric == metric,
                col(Event.unique_id).in_(sorted(set(unique_ids))),
            )
        )
        found |= {(metric, unique_id) for unique_id in rows}
    return found


def timeline(
    session: Session,
    shop_id: int,
    profile_id: int,
    *,
    limit: int = 50,
    before: datetime | None = None,
    metric: str | None = None,
) -> Sequence[Event]:
    """What one shopper did, newest first."""
    query = select(Event).where(Event.shop_id == shop_id, Event.profile_id == profile_id)
    if before is not None:
        query = query.where(Event.occurred_at < before)
    if metric:
        query = query.where(Event.metric == metric)
    return session.exec(query.order_by(col(Event.occurred_at).desc()).limit(limit)).all()


def get_event(session: Session, shop_id: int, event_id: int) -> Event | None:
    """One event."""
    return session.get(Event, (shop_id, event_id))


def latest_events(session: Session, shop_id: int, limit: int = 20) -> Sequence[Event]:
    """Return the latest events of a shop."""
    return session.exec(
        select(Event)
        .where(Event.shop_id == shop_id)
        .order_by(col(Event.occurred_at).desc())
        .limit(limit)
    ).all()


def count_between(
    session: Session, shop_id: int, profile_id: int, metric: str, *, span: Span
) -> int:
    """How often one shopper did something in a span of time."""
    if span == (None, None):
        return sum(activity.counts_of(session, shop_id, profile_id).get(metric, {}).values())
    mine = _did(shop_id, profile_id, metric, span)
    return session.exec(select(func.count()).where(*mine)).one()


def sum_values(
    session: Session, shop_id: int, profile_id: int, metric: str, *, span: Span
) -> dict[str | None, int]:
    """What one shopper's events of a metric came to in a span of time, by currency."""
    mine = _did(shop_id, profile_id, metric, span)
    rows = session.exec(
        select(Event.currency, func.sum(Event.value)).where(*mine).group_by(col(Event.currency))
    )
    return {currency: int(total or 0) for currency, total in rows}


def events_between(
    session: Session, shop_id: int, profile_id: int, metric: str, *, span: Span
) -> Iterator[Event]:
    """One shopper's events of a metric in a span of time, a page at a time."""
    mine = _did(shop_id, profile_id, metric, span)
    yield from session.exec(select(Event).where(*mine).execution_options(yield_per=PAGE_SIZE))


def _did(shop_id: int, profile_id: int, metric: str, span: Span) -> list[Any]:
    since, until = span
    return [
        col(Event.shop_id) == shop_id,
        col(Event.profile_id) == profile_id,
        col(Event.metric) == metric,
        *([] if since is None else [col(Event.occurred_at) >= since]),
        *([] if until is None else [col(Event.occurred_at) <= until]),
    ]


def events_page(
    session: Session,
    shop_id: int,
    profile_id: int,
    limit: int,
    *,
    before: tuple[datetime, int] | None = None,
    metrics: Sequence[str] = (),
    without: Sequence[str] = (),
    visited: Sequence[str] = (),
) -> Sequence[Event]:
    """Return what one shopper did, newest first, from before a (moment, id) on.

    Several events may share a moment (an order and its lines), so the id is part of the position.
    Of the `visited` metrics it leaves out what a browser reported: see `visited`.
    """
    query = select(Event).where(Event.shop_id == shop_id, Event.profile_id == profile_id)
    if before is not None:
        query = query.where(tuple_(col(Event.occurred_at), col(Event.id)) < before)
    if metrics:
        query = query.where(col(Event.metric).in_(metrics))
    if without:
        query = query.where(col(Event.metric).not_in(without))
    if visited:
        query = query.where(or_(col(Event.metric).not_in(visited), _browser().is_(None)))
    newest = (col(Event.occurred_at).desc(), col(Event.id).desc())
    return session.exec(query.order_by(*newest).limit(limit)).all()


def events_of_visits(
    session: Session,
    shop_id: int,
    profile_id: int,
    span: tuple[datetime, datetime],
    *,
    metrics: Sequence[str],
    limit: int,
) -> Sequence[Event]:
    """Return the last browsing events of a shopper between two moments, in order of time."""
    found = session.exec(
        select(Event)
        .where(
            Event.shop_id == shop_id,
            Event.profile_id == profile_id,
            Event.occurred_at >= span[0],
            Event.occurred_at <= span[1],
            col(Event.metric).in_(metrics),
            _browser().is_not(None),
        )
        .order_by(col(Event.occurred_at).desc(), col(Event.id).desc())
        .limit(limit)
    ).all()
    return found[::-1]


def shops_before(session: Session, before: datetime) -> list[int]:
    """Shops with an event from before a moment: one look at an index for each shop."""
    at = col(Event.occurred_at)
    oldest = columns(at).where(col(Event.shop_id) == Shop.id).order_by(at).limit(1)
    query = columns(col(Shop.id)).where(oldest.correlate(Shop).scalar_subquery() < before)
    found = db.across_shops(session, query, "the clock enqueues jobs for expired events")
    return list(found.scalars())


def delete_events(session: Session, shop_id: int, before: datetime, limit: int) -> int:
    """Delete up to `limit` of a shop's events from before a moment; how many.

    The caller holds the shop's lock.
    """
    old = (
        columns(col(Event.id))
        .where(col(Event.shop_id) == shop_id, col(Event.occurred_at) < before)
        .limit(limit)
    )
    mine = (col(Event.shop_id) == shop_id, col(Event.id).in_(old))
    did = (col(Event.profile_id), col(Event.metric), col(Event.occurred_at))
    gone = session.connection().execute(delete(Event).where(*mine).returning(*did)).all()
    activity.subtract_counts(session, shop_id, [(row[0], row[1], row[2]) for row in gone])
    return len(gone)


def recount_activity(session: Session, shop_id: int, profile_ids: Collection[int]) -> None:
    """Write anew what these shoppers did how often, from their events: those have moved.

    Their rows are held first: what is written of them elsewhere is counted or comes after it.
    """
    counts: dict[int, activity.Counts] = {key: {} for key in profile_ids}
    activity.lock_counts(session, shop_id, counts.keys())
    # in UTC: as SQLite keeps it, and as PostgreSQL is set to
    day = func.date(col(Event.occurred_at))
    did = (col(Event.profile_id), col(Event.metric), day)
    rows = session.connection().execute(
        columns(*did, func.count())
        .where(col(Event.shop_id) == shop_id, bulk.is_among(col(Event.profile_id), counts.keys()))
        .group_by(*did)
    )
    for profile_id, metric, on, count in rows:
        counts[profile_id].setdefault(metric, {})[activity.day_number(on)] = count
    activity.save_counts(session, shop_id, counts)


def _browser() -> Any:
    """Select the browser that reported an event; empty for one from a server."""
    return col(Event.properties)["browser_id"].as_string()
