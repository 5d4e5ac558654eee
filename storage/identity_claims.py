"""Claims to identities: which profile each leads to, and since when (docs/decisions/0012)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, case, func, update
from sqlalchemy import select as columns
from sqlmodel import Session

from storage.engine import bulk, db
from storage.profiles import STRONG, Identity, IdentityKind, KeyKind, Kind


class KnownKey(NamedTuple):
    """Where a known identity leads, and since when."""

    profile_id: int
    source_profile_id: int
    claimed_at: datetime | None
    browser_id: str | None


class KeyClaim(NamedTuple):
    """An identity's new owner, or only its newer claim."""

    kind: KeyKind
    value: str
    profile_id: int
    source_profile_id: int | None
    claimed_at: datetime | None


def find_known_keys(
    session: Session, shop_id: int, keys: Iterable[tuple[Kind, str]]
) -> dict[tuple[Kind, str], KnownKey]:
    """Where each known identity leads."""
    by_kind: dict[Kind, list[str]] = {}
    for kind, value in keys:
        by_kind.setdefault(kind, []).append(value)
    found: dict[tuple[Kind, str], KnownKey] = {}
    at = db.table_of(Identity).c
    source = func.coalesce(at.source_profile_id, at.profile_id)
    wanted = columns(at.value, at.profile_id, source, at.claimed_at, at.browser_id)
    for kind, values in by_kind.items():
        rows = session.connection().execute(
            wanted.where(at.shop_id == shop_id, at.kind == kind, bulk.is_among(at.value, values))
        )
        for value, *claim in rows.all():
            found[kind, value] = KnownKey(*claim)
    return found


def strong_keys(
    session: Session, shop_id: int, profile_ids: Iterable[int]
) -> dict[int, set[KeyKind]]:
    """The kinds of identity that name each of some profiles as a person; none for a visitor."""
    at = db.table_of(Identity).c
    rows = session.connection().execute(
        columns(at.profile_id, at.kind).where(
            at.shop_id == shop_id,
            bulk.is_among(at.profile_id, set(profile_ids)),
            at.kind.in_(STRONG),
        )
    )
    found: dict[int, set[KeyKind]] = {}
    for profile_id, kind in rows:
        found.setdefault(profile_id, set()).add(kind)
    return found


def keys_of_browser(
    session: Session, shop_id: int, profile_id: int, browser: str
) -> list[tuple[KeyKind, str]]:
    """The carts and checkouts of a profile that a browser alone named, and no person claimed."""
    at = db.table_of(Identity).c
    rows = session.connection().execute(
        columns(at.kind, at.value).where(
            at.shop_id == shop_id,
            at.profile_id == profile_id,
            at.browser_id == browser,
            at.claimed_at.is_(None),
        )
    )
    return [(kind, value) for kind, value in rows]


def set_typed(session: Session, shop_id: int, browser: str, *, is_typed: bool) -> None:
    """Note whether a form alone ties a browser to its shopper."""
    at = db.table_of(Identity).c
    mine = (at.shop_id == shop_id, at.kind == IdentityKind.BROWSER, at.value == browser)
    session.connection().execute(update(Identity).where(*mine).values(is_typed=is_typed))


def is_typed_browser(session: Session, shop_id: int, browser: str) -> bool:
    """Whether a form alone ties a browser to its shopper."""
    at = db.table_of(Identity).c
    mine = (at.shop_id == shop_id, at.kind == IdentityKind.BROWSER, at.value == browser)
    return bool(session.connection().execute(columns(at.is_typed).where(*mine)).scalar())


def save_claims(session: Session, shop_id: int, claims: Sequence[KeyClaim]) -> None:
    """Write the owners of some known identities, and since when they are."""
    if not claims:
        return
    at = db.table_of(Identity).c
    session.connection().execute(
        update(Identity)
        .where(at.shop_id == shop_id, at.kind == bindparam("of_kind"), at.value == bindparam("of"))
        .values(
            profile_id=bindparam("to_profile"),
            source_profile_id=bindparam("to_source"),
            claimed_at=bindparam("to_claimed"),
            # another's by now, and by more than a form's word
            is_typed=case((at.profile_id == bindparam("to_profile"), at.is_typed), else_=False),
        ),
        [
            {"of_kind": each.kind, "of": each.value, "to_profile": each.profile_id,
             "to_source": each.source_profile_id, "to_claimed": each.claimed_at}
            for each in claims
        ],
    )  # fmt: skip
