"""Merges: two profiles that turned out to be one person. In: their rows. Out: one, and a record."""

from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from storage import (
    checkouts,
    consent,
    events,
    flows,
    lists,
    messages,
    orders,
    profiles,
    write_backs,
)
from storage.ids import new_id
from storage.profiles import Merge, Profile

FIELDS = ("email", "phone", "first_name", "last_name", "locale", "country", "timezone")
# Enrolments and messages first: who works on one holds its row and writes the others under its
# profile. Once we have those rows, what was written is there to be moved, and what comes is ours.
MOVES = (
    flows.move_enrolments,
    messages.move_messages,
    events.move_events,
    orders.move_orders,
    checkouts.move_checkouts,
    consent.move_consents,
    lists.move_memberships,
    write_backs.move_write_backs,
)


def merge_profiles(
    session: Session,
    shop_id: int,
    kept: dict[str, Any],
    gone: dict[str, Any],
    because: str,
    now: datetime,
) -> None:
    """Fold `gone` into `kept` (rows of `profile`; `kept` changes in place) and move all it had."""
    identities = profiles.identities_of(session, shop_id, [gone["id"]])
    session.add(
        Merge(
            shop_id=shop_id,
            id=new_id(),
            kept_id=kept["id"],
            merged_id=gone["id"],
            because=because,
            merged_profile=Profile(**gone).model_dump(mode="json"),
            merged_identities=[[identity.kind, identity.value] for identity in identities],
            at=now,
        )
    )
    session.flush()
    session.expunge_all()
    values = {name: gone[name] for name in FIELDS if gone[name] is not None}
    values |= {f"properties.{name}": value for name, value in gone["properties"].items()}
    fold_fields(kept, values, gone["field_times"])
    kept["created_at"] = min(kept["created_at"], gone["created_at"])
    kept["seen_at"] = max(kept["seen_at"], gone["seen_at"])
    for move in MOVES:
        move(session, shop_id, gone["id"], kept["id"])
    profiles.absorb(session, shop_id, gone["id"], kept["id"])


def fold_fields(row: dict[str, Any], values: dict[str, Any], times: dict[str, str]) -> None:
    """Write values into a profile's row, each if it is newer than what the row has.

    Of two words of the same moment the greater one wins, so that any order gives the same row.
    `times` are ISO 8601; they are compared as moments and kept in UTC.
    """
    row["properties"], row["field_times"] = dict(row["properties"]), dict(row["field_times"])
    for name, value in values.items():
        at = _utc(times.get(name, ""))
        place, key = (row, name)
        if name.startswith("properties."):
            place, key = row["properties"], name.removeprefix("properties.")
        if (at, str(value)) > (_utc(row["field_times"].get(name, "")), str(place.get(key) or "")):
            place[key] = value
            row["field_times"][name] = at


def _utc(text: str) -> str:
    return (
        datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="microseconds")
        if text
        else ""
    )
