"""What shoppers did: one append-only row an event, under Klaviyo's metric names."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, bindparam, func, tuple_, update
from sqlmodel import Field, Session, SQLModel, col, select

from storage import bulk
from storage.types import Json, big, json_column, moment, origin, row_key, shop_key


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
    origin_id: int | None = origin()
    metric: str = Field(description="as Klaviyo names it: Placed Order, Viewed Product, …")
    unique_id: str
    occurred_at: datetime = moment()
    value: int | None = big(nullable=True, default=None)
    currency: str | None = None
    properties: dict[str, Any] = json_column()


def add_events(session: Session, rows: Sequence[dict[str, Any]]) -> set[int]:
    """Insert events that are not known yet; the ids of those that were new."""
    if not rows:
        return set()
    bulk.add(session, Event, rows, unless_known=True)
    ids = [row["id"] for row in rows]
    kept = select(Event.id).where(
        Event.shop_id == rows[0]["shop_id"], bulk.among(col(Event.id), ids)
    )
    return set(session.exec(kept))


def describe_events(session: Session, shop_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """Bring value and properties of known events up to date, by metric and unique id.

    Each row: {metric, unique_id, value, currency, properties}.
    """
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
    """What happened last in a shop, whoever did it."""
    return session.exec(
        select(Event)
        .where(Event.shop_id == shop_id)
        .order_by(col(Event.occurred_at).desc())
        .limit(limit)
    ).all()


def count_since(
    session: Session, shop_id: int, profile_id: int, metric: str, since: datetime | None
) -> int:
    """How often one shopper did something since a moment, or ever."""
    query = select(func.count()).where(
        Event.shop_id == shop_id, Event.profile_id == profile_id, Event.metric == metric
    )
    if since is not None:
        query = query.where(Event.occurred_at >= since)
    return session.exec(query).one()


def events_page(
    session: Session,
    shop_id: int,
    profile_id: int,
    limit: int,
    *,
    before: tuple[datetime, int] | None = None,
    metrics: Sequence[str] = (),
    without: Sequence[str] = (),
) -> Sequence[Event]:
    """What one shopper did, newest first, from before a (moment, id) on.

    Several events may share a moment (an order and its lines), so the id is part of the place.
    """
    query = select(Event).where(Event.shop_id == shop_id, Event.profile_id == profile_id)
    if before is not None:
        query = query.where(tuple_(col(Event.occurred_at), col(Event.id)) < before)
    if metrics:
        query = query.where(col(Event.metric).in_(metrics))
    if without:
        query = query.where(col(Event.metric).not_in(without))
    newest = (col(Event.occurred_at).desc(), col(Event.id).desc())
    return session.exec(query.order_by(*newest).limit(limit)).all()
