"""Visits to the storefront: one row for what a browser did without half an hour's pause."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypedDict, cast

from sqlalchemy import Index, delete, tuple_
from sqlalchemy import select as columns
from sqlmodel import Field, Session, SQLModel, col, select

from storage.engine import bulk, db
from storage.engine.types import big, json_column, moment, origin, row_key, shop_key
from storage.shops import Shop


class Visit(SQLModel, table=True):
    """One visit: `plugin.ingest.visits` folds browser events into it, in any order.

    `page_view_times` are when something happened, in milliseconds since 1970: `dwell_s` follows
    from them. The source (`arrived_at` and what follows) is the visit's first one that names
    another site or a campaign; a direct visit has none.
    """

    __tablename__ = "visit"
    __table_args__ = (
        Index("visit_browser_id", "shop_id", "browser_id", "last_seen_at"),
        Index("visit_profile", "shop_id", "profile_id", "last_seen_at"),
        Index("visit_last", "shop_id", "last_seen_at"),
    )

    shop_id: int = shop_key()
    id: int = row_key()
    profile_id: int = big()
    source_profile_id: int | None = origin()
    browser_id: str = Field(description="its id, as in `identity`")
    started_at: datetime = moment()
    last_seen_at: datetime = moment()
    pages: int = Field(description="that were opened")
    dwell_s: int = Field(description="seconds spent looking, at least")
    page_view_times: list[int] = json_column(list)
    entry_url: str = Field(default="", description="the first page, without what may name a person")
    device: str = Field(default="", description="phone, tablet or computer")
    arrived_at: datetime | None = moment(default=None)
    referrer_host: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    utm_term: str = ""
    utm_content: str = ""


class VisitSource(TypedDict):
    """Where a visit came from, and when it did; nothing of a direct one."""

    arrived_at: datetime | None
    referrer_host: str
    utm_source: str
    utm_medium: str
    utm_campaign: str
    utm_term: str
    utm_content: str


class BrowserVisit(VisitSource):
    """A visit as its browser tells it: a row of `Visit` without shop and profile."""

    id: int
    browser_id: str
    started_at: datetime
    last_seen_at: datetime
    pages: int
    dwell_s: int
    page_view_times: list[int]
    entry_url: str
    device: str


class VisitRow(BrowserVisit):
    """One row of `Visit`."""

    shop_id: int
    profile_id: int
    source_profile_id: int | None


def visits_near(
    session: Session, shop_id: int, browsers: Iterable[str], *, since: datetime, until: datetime
) -> list[VisitRow]:
    """The visits of some browsers that reach into a span of time, as plain rows."""
    table = db.table_of(Visit)
    rows = session.connection().execute(
        table.select().where(
            table.c.shop_id == shop_id,
            bulk.is_among(table.c.browser_id, set(browsers)),
            table.c.last_seen_at >= since,
            table.c.started_at <= until,
        )
    )
    return cast("list[VisitRow]", [dict(row._mapping) for row in rows])


def replace_visits(
    session: Session, shop_id: int, gone: Iterable[int], rows: Sequence[VisitRow]
) -> None:
    """Put visits in the place of others, by id."""
    ids = sorted(gone)
    if ids:
        session.connection().execute(
            delete(Visit).where(col(Visit.shop_id) == shop_id, col(Visit.id).in_(ids))
        )
    bulk.add_rows(session, Visit, rows)


def visits_page(
    session: Session,
    shop_id: int,
    profile_id: int,
    limit: int,
    *,
    before: tuple[datetime, int] | None = None,
) -> Sequence[Visit]:
    """A shopper's visits, the last first, from before a (moment, id) on."""
    query = select(Visit).where(Visit.shop_id == shop_id, Visit.profile_id == profile_id)
    if before is not None:
        query = query.where(tuple_(col(Visit.last_seen_at), col(Visit.id)) < before)
    newest = (col(Visit.last_seen_at).desc(), col(Visit.id).desc())
    return session.exec(query.order_by(*newest).limit(limit)).all()


def first_and_last_source(
    session: Session, shop_id: int, profile_id: int
) -> tuple[Visit, Visit] | None:
    """The first and the last visit of a shopper that has a source; None where none has."""
    found = select(Visit).where(
        Visit.shop_id == shop_id,
        Visit.profile_id == profile_id,
        col(Visit.arrived_at).is_not(None),
    )
    first = session.exec(found.order_by(col(Visit.arrived_at)).limit(1)).first()
    last = session.exec(found.order_by(col(Visit.arrived_at).desc()).limit(1)).first()
    return (first, last) if first and last else None


def shops_before(session: Session, before: datetime) -> list[int]:
    """Shops with a visit that ended before a moment: one look at an index for each shop."""
    at = col(Visit.last_seen_at)
    oldest = columns(at).where(col(Visit.shop_id) == Shop.id).order_by(at).limit(1)
    query = columns(col(Shop.id)).where(oldest.correlate(Shop).scalar_subquery() < before)
    found = db.across_shops(session, query, "the clock enqueues jobs for expired visits")
    return list(found.scalars())


def delete_visits(session: Session, shop_id: int, before: datetime, limit: int) -> int:
    """Delete up to `limit` of a shop's visits that ended before a moment; how many."""
    old = (
        columns(col(Visit.id))
        .where(col(Visit.shop_id) == shop_id, col(Visit.last_seen_at) < before)
        .limit(limit)
    )
    mine = (col(Visit.shop_id) == shop_id, col(Visit.id).in_(old))
    return session.connection().execute(delete(Visit).where(*mine)).rowcount
