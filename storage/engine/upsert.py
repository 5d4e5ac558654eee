"""Upsert rows of a thing of Shopify's: the newest version wins.

Shopify's `updated_at` has whole seconds, so of two versions of the same second the one that was
reported later (`reported_at`, X-Shopify-Triggered-At) is the newer.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, SQLModel

from storage.engine import bulk, db
from storage.engine.types import Row


def save_newest(
    session: Session,
    table: type[SQLModel],
    rows: Sequence[Row],
    *,
    keep: Sequence[str] = (),
) -> list[Any]:
    """Insert rows of a table with `updated_at` and `reported_at`, or update them.

    Several rows of one key may come in a batch; the newest of them counts.

    Args:
        keep: columns that stay as first reported.

    Returns:
        The second part of the key of each row that was written.
    """
    if not rows:
        return []
    key = [column.name for column in db.table_of(table).primary_key]
    newest: dict[tuple[object, ...], Row] = {}
    for row in sorted(rows, key=itemgetter("updated_at", "reported_at")):
        newest[tuple(row[name] for name in key)] = row
    bulk.upsert_newer_rows(session, table, list(newest.values()), keep=keep)
    return _standing(session, table, newest)


def _standing(
    session: Session, table: type[SQLModel], told: Mapping[tuple[object, ...], Row]
) -> list[Any]:
    """The second part of the key of each row that stands as it was told."""
    at = db.table_of(table).c
    shop, second, *more = db.table_of(table).primary_key
    held = session.connection().execute(
        select(shop, second, *more, at.updated_at, at.reported_at).where(
            shop == next(iter(told))[0], bulk.is_among(second, {key[1] for key in told})
        )
    )
    return [
        key[1]
        for *key, updated_at, reported_at in held.all()
        if (row := told.get(tuple(key)))
        and (row["updated_at"], row["reported_at"]) == (updated_at, reported_at)
    ]
