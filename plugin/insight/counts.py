"""Tallies: what a shop has many of is counted, a few minutes after the last time, for the pages."""

from datetime import timedelta

from sqlmodel import Session

from plugin import clock
from storage import consent, counts, duplicates, lists, profiles
from storage.engine import db, locks

REFRESH_INTERVAL = timedelta(
    minutes=5
)  # to count all of a shop with a million profiles takes a second


def refresh_counts(shop_id: int) -> None:
    """Count what a shop has, and keep what is many.

    No write waits for it; who comes while another one counts leaves it to that one.
    """
    try:
        with locks.exclusive(f"tallies-{shop_id}", wait_s=0):
            at = clock.now()
            with db.reading() as session:
                numbers = _count(session, shop_id)
            with db.transaction() as session:
                counts.save_counts(session, shop_id, numbers, at)
    except locks.LockTimeoutError:
        return


def _count(session: Session, shop_id: int) -> list[tuple[str, int, int]]:
    """(what, of which id, how many) of everything that pages count."""
    sizes = lists.count_members(session, shop_id, whole=True)
    return [
        (counts.PROFILES, 0, profiles.count_profiles(session, shop_id, whole=True)),
        (counts.SUBSCRIBERS, 0, consent.count_subscribers(session, shop_id, whole=True)),
        (counts.DUPLICATES, 0, duplicates.count_open(session, shop_id, whole=True)),
        *((counts.MEMBERS, list_id, size) for list_id, size in sizes.items()),
    ]
