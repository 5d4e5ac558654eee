"""Recount a shop's large numbers every few minutes, for the pages."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from plugin import clock
from plugin.jobs import Progress, SliceJob
from storage import consent, counts, duplicates, lists, profiles
from storage.engine import db

REFRESH_INTERVAL = timedelta(
    minutes=5
)  # to count all of a shop with a million profiles takes a second


def refresh_counts(shop_id: int) -> Progress:
    """Count what a shop has, and keep what is many; no write waits for it."""
    at = clock.now()
    with db.reading() as session:
        numbers = _count(session, shop_id)
    with db.transaction() as session:
        counts.save_counts(session, shop_id, numbers, at)
    return Progress.DONE


def find_due_shops(session: Session, now: datetime) -> Sequence[int]:
    """Shops with large figures that are no longer fresh."""
    return counts.shops_with_stale_counts(session, now - REFRESH_INTERVAL)


SLICE_JOB = SliceJob("tallies", refresh_counts, find_due_shops)


def _count(session: Session, shop_id: int) -> list[tuple[str, int, int]]:
    """(what, of which id, how many) of everything that pages count."""
    sizes = lists.count_members(session, shop_id, whole=True)
    return [
        (counts.PROFILES, 0, profiles.count_profiles(session, shop_id, whole=True)),
        (counts.SUBSCRIBERS, 0, consent.count_subscribers(session, shop_id, whole=True)),
        (counts.DUPLICATES, 0, duplicates.count_open(session, shop_id, whole=True)),
        *((counts.MEMBERS, list_id, size) for list_id, size in sizes.items()),
    ]
