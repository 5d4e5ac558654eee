"""Merges: rows that move from one profile to another, and back to where they came from."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import delete, func, insert, or_, update
from sqlmodel import Session, SQLModel, col, select

from storage.checkouts import Checkout
from storage.engine import bulk, db
from storage.events import Event
from storage.flows import Enrolment
from storage.lists import Membership, MembershipRow
from storage.messages import Message
from storage.orders import Order
from storage.profiles import (
    Identity,
    Merge,
    MergeRow,
    Profile,
    SourceProfile,
    SourceProfileRow,
)
from storage.subscription_contracts import SubscriptionContract
from storage.visits import Visit
from storage.write_backs import WriteBack

# Enrolments and messages first: who works on one holds its row and writes the others under its
# profile. Once we have those rows, what was written is there to be moved, and what comes is ours.
MOVED_TABLES: tuple[type[SQLModel], ...] = (
    Enrolment,
    Message,
    Event,
    Visit,
    Order,
    Checkout,
    SubscriptionContract,
    WriteBack,
    Identity,
)
# The access log shows profiles as they were. Confirmations and the consent ledger are about
# addresses, and name for ever the profile that they came to. A merge writes the others anew
# (`plugin.profiles.merge`).
UNMOVED_TABLES = frozenset((
    "access_log", "activity", "confirmation_request", "consent_event", "duplicate",
    "duplicate_check_due", "duplicate_key", "membership", "profile_name", "source_profile",
))  # fmt: skip


def move_rows(session: Session, shop_id: int, from_id: int, to_id: int) -> None:
    """Give all that one profile has to another; each row remembers where it came to first."""
    for table in MOVED_TABLES:
        rows: Any = table
        session.connection().execute(
            update(table)
            .where(rows.shop_id == shop_id, rows.profile_id == from_id)
            .values(
                profile_id=to_id, source_profile_id=func.coalesce(rows.source_profile_id, from_id)
            )
        )


def move_rows_back(
    session: Session, shop_id: int, from_id: int, to_id: int, *, origins: Collection[int]
) -> None:
    """Give what came to some origins, and is one profile's now, to another."""
    for table in MOVED_TABLES:
        rows: Any = table
        session.connection().execute(
            update(table)
            .where(
                rows.shop_id == shop_id,
                rows.profile_id == from_id,
                rows.source_profile_id.in_(sorted(origins)),
            )
            .values(profile_id=to_id, source_profile_id=func.nullif(rows.source_profile_id, to_id))
        )


def memberships_of(session: Session, shop_id: int, profile_id: int) -> list[MembershipRow]:
    """A profile's memberships as plain rows, locked while it is merged or parted."""
    table = db.table_of(Membership)
    rows = session.connection().execute(
        table.select()
        .where(table.c.shop_id == shop_id, table.c.profile_id == profile_id)
        .order_by(table.c.list_id)
        .with_for_update()
    )
    return cast("list[MembershipRow]", [dict(row._mapping) for row in rows])


def save_memberships(
    session: Session, shop_id: int, profile_ids: Iterable[int], rows: Sequence[MembershipRow]
) -> None:
    """Let these be the only memberships of some profiles."""
    session.connection().execute(
        delete(Membership).where(
            col(Membership.shop_id) == shop_id,
            col(Membership.profile_id).in_(sorted(profile_ids)),
        )
    )
    if rows:
        session.connection().execute(insert(Membership), rows)


def load_sources(
    session: Session, shop_id: int, profile_ids: Iterable[int]
) -> dict[int, SourceProfileRow]:
    """What these profiles were made of, as plain rows by id; nothing for one that stands alone."""
    table = db.table_of(SourceProfile)
    rows = session.connection().execute(
        table.select()
        .where(table.c.shop_id == shop_id, bulk.is_among(table.c.profile_id, set(profile_ids)))
        .order_by(table.c.id)
    )
    return cast("dict[int, SourceProfileRow]", {row.id: dict(row._mapping) for row in rows})


def save_sources(session: Session, rows: Sequence[SourceProfileRow]) -> None:
    """Insert origins or write them back."""
    if rows:
        upsert = db.insert(SourceProfile)
        excluded = upsert.excluded
        session.connection().execute(
            upsert.on_conflict_do_update(
                index_elements=["shop_id", "id"],
                set_={name: excluded[name] for name in ("profile_id", "own", "memberships")},
            ),
            list(rows),
        )


def delete_sources(session: Session, shop_id: int, ids: Collection[int]) -> None:
    """Forget that these were ever merged: each is a profile by itself again."""
    session.connection().execute(
        delete(SourceProfile).where(
            col(SourceProfile.shop_id) == shop_id, col(SourceProfile.id).in_(sorted(ids))
        )
    )


def delete_profile(session: Session, shop_id: int, profile_id: int) -> None:
    """Delete the row of a profile that was merged."""
    session.connection().execute(
        delete(Profile).where(col(Profile.shop_id) == shop_id, col(Profile.id) == profile_id)
    )


def add_merge(session: Session, row: MergeRow) -> None:
    """Write down that two origins are one person."""
    session.connection().execute(insert(Merge), [row])


def get_merge(session: Session, shop_id: int, merge_id: int) -> Merge | None:
    """One merge."""
    return session.get(Merge, (shop_id, merge_id))


def merges_among(session: Session, shop_id: int, origins: Collection[int]) -> Sequence[Merge]:
    """Every merge that names one of these origins, newest first; those undone, too."""
    ids = sorted(origins)
    return session.exec(
        select(Merge)
        .where(
            Merge.shop_id == shop_id,
            or_(col(Merge.source_profile_id).in_(ids), col(Merge.other_source_profile_id).in_(ids)),
        )
        .order_by(col(Merge.merged_at).desc(), col(Merge.id).desc())
    ).all()


def merges_of(session: Session, shop_id: int, profile_id: int, limit: int) -> Sequence[Merge]:
    """The merges that made a profile, and those that were taken back from it, newest first."""
    tree = {profile_id, *load_sources(session, shop_id, [profile_id])}
    return merges_among(session, shop_id, tree)[:limit]


def mark_undone(session: Session, shop_id: int, merge_id: int, at: datetime, *, by: str) -> None:
    """Mark a merge as taken back: from now on its sides are kept apart."""
    session.connection().execute(
        update(Merge)
        .where(col(Merge.shop_id) == shop_id, col(Merge.id) == merge_id)
        .values(undone_at=at, undone_by=by, blocks_remerge=True)
    )


def allow_merge_again(session: Session, shop_id: int, ids: Collection[int]) -> None:
    """Let the sides of undone merges be joined again."""
    session.connection().execute(
        update(Merge)
        .where(col(Merge.shop_id) == shop_id, col(Merge.id).in_(sorted(ids)))
        .values(blocks_remerge=False)
    )
