"""Collections of products, as the storefront last described each."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from sqlmodel import Session, SQLModel, col, select

from storage.engine.types import moment, row_key, shop_key


class Collection(SQLModel, table=True):
    """One collection."""

    shop_id: int = shop_key()
    id: int = row_key()  # the storefront's own id
    title: str = ""
    handle: str = ""
    deleted: bool = False
    updated_at: datetime = moment()
    reported_at: datetime = moment()


class ReportedCollection(TypedDict):
    """A collection as the storefront describes it: a row of `Collection` that names no shop."""

    id: int
    title: str
    handle: str
    deleted: bool
    updated_at: datetime
    reported_at: datetime


def collections_by_id(session: Session, shop_id: int, ids: Sequence[int]) -> dict[int, Collection]:
    """Several collections, by id."""
    rows = session.exec(
        select(Collection).where(
            Collection.shop_id == shop_id, col(Collection.id).in_(sorted(set(ids)))
        )
    )
    return {row.id: row for row in rows}
