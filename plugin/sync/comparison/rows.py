"""How a record of ours differs from Shopify's: what all comparisons share."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlmodel import Session, SQLModel

from plugin.facts import Facts
from storage import events, profiles
from storage.engine.types import Row
from storage.reconciliations import DifferenceKind

Differences = dict[str, DifferenceKind]  # what a record is, by its id at the storefront
# The report time of a row is no part of its values.
TIME_COLUMNS = frozenset(("updated_at", "reported_at", "started_at"))

# The API and the webhook may write these in two ways (links with other keys, cleaned HTML), or one
# of them leaves them out (what was deleted since): they only differ where we have nothing.
LOOSE_COLUMNS = frozenset(
    (
        *("status_url", "url", "image", "description", "discount_codes", "cart_token"),
        *("checkout_token", "completed_at"),
    )
)


def find_kind(
    have: SQLModel | None, reported: Row, updated_at: datetime, *, same: bool, whole: bool
) -> DifferenceKind | None:
    """What a record is: missing, stale, or partial. `same` says that its children are, `whole`
    that nothing beside it is lacking.
    """
    if have is None:
        return DifferenceKind.MISSING
    kept = have.model_dump()
    if kept["updated_at"] > updated_at:
        return None
    if same and not any(_differs(kept[name], reported[name], name) for name in reported):
        return None if whole else DifferenceKind.PARTIAL
    return DifferenceKind.STALE if kept["updated_at"] < updated_at else DifferenceKind.PARTIAL


def _differs(kept: Any, reported: Any, name: str) -> bool:
    if name in TIME_COLUMNS:
        return False
    if name in LOOSE_COLUMNS:
        return not kept and bool(reported)
    if name == "tags":
        return sorted(kept) != sorted(reported)
    return bool(kept != reported)


def find_lacking(
    session: Session, shop_id: int, facts: Facts, but: Collection[str] = ()
) -> set[int]:
    """Return the profiles, by `id` of their fact, with a missing event or identity."""
    keys = {key for person in facts.profiles for key in person.identities if key.kind not in but}
    known = profiles.find_identities(session, shop_id, keys)
    lacking = {
        id(p) for p in facts.profiles if any(k in keys and k not in known for k in p.identities)
    }
    names = [(did.metric, did.unique_id) for did in facts.events]
    reported = events.known_events(session, shop_id, names)
    lacking |= {id(d.profile) for d in facts.events if (d.metric, d.unique_id) not in reported}
    return lacking
