"""Upsert rows of a thing of Shopify's: the newest version wins.

Shopify's `updated_at` has whole seconds, so of two versions of the same second the one that was
reported later (`reported_at`, X-Shopify-Triggered-At) is the newer.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import and_, or_
from sqlmodel import Session, SQLModel

from storage.engine import db
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
    upsert = db.insert(table)
    columns, key = upsert.table.c, list(upsert.table.primary_key)
    new, known = upsert.excluded, columns
    names = [c.name for c in columns if not c.primary_key and c.name not in keep]
    statement = upsert.on_conflict_do_update(
        index_elements=[c.name for c in key],
        set_={name: new[name] for name in names},
        where=or_(
            new.updated_at > known.updated_at,
            and_(new.updated_at == known.updated_at, new.reported_at >= known.reported_at),
        ),
    ).returning(key[1])
    newest: dict[tuple[object, ...], Row] = {}
    for row in sorted(rows, key=itemgetter("updated_at", "reported_at")):
        newest[tuple(row[c.name] for c in key)] = row
    return list(session.connection().execute(statement, list(newest.values())).scalars())
