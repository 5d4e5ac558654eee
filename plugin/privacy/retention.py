"""Retention: what is kept for a while goes again, in small pieces that hold nobody up.

Digested deliveries are kept to look into; what they said stands in our tables. What lies in
quarantine stays until somebody has looked at it. Events and visits are kept as long as the setting
says (reports and segments look back two years at most), as is who of the staff looked at whom.

The clock looks which shops have something to drop (`shops_to_drop`), and a worker drops it; only
the log of who looked at whom, a few rows of all shops, the clock drops itself.
"""

import time
from datetime import datetime, timedelta

from plugin import clock
from plugin.settings import get_settings
from storage import access_log, events, inbox, visits
from storage.engine import db, locks

# In a transaction: deliveries are overwritten by SQLite, 8 KB each, while others want to come in.
# Of 300,000 events that lie in no order it drops 200 in 43 ms, and PostgreSQL in 36 (measured on
# two cores).
RETENTION_BATCH_SIZE = 200
PAUSE_S = 0.1  # between pieces: who waits for SQLite's writer looks at least as often
SLICE_SECONDS = 20.0  # of one shop's turn; the clock rings again in a minute
BUDGET_S = 1.0  # of each minute, for it is the clock's own time
MAX_LAG = timedelta(hours=1)  # the clock rings then: a busy shop has a row to drop in every minute
MONTH = timedelta(days=365.25 / 12)


def delete_access_log() -> None:
    """Drop what is known of who looked at shoppers' data longer ago than the setting."""
    before = clock.now() - timedelta(days=get_settings().keep_access_log_days)
    until = time.monotonic() + BUDGET_S
    gone = RETENTION_BATCH_SIZE
    while gone == RETENTION_BATCH_SIZE and time.monotonic() < until:
        with db.transaction() as session:
            gone = access_log.delete_before(session, before, RETENTION_BATCH_SIZE)


def shops_due() -> list[int]:
    """Shops with deliveries, events or visits whose time has been over for a while."""
    with db.inbox_reading() as session:
        found = set(inbox.shops_before(session, _deliveries_go() - MAX_LAG))
    with db.reading() as session:
        found.update(events.shops_before(session, _events_go() - MAX_LAG))
        found.update(visits.shops_before(session, _events_go() - MAX_LAG))
    return sorted(found)


def retention_slice(shop_id: int, for_s: float = SLICE_SECONDS) -> None:
    """Drop what a shop has kept for longer than the settings, as far as time allows.

    Each kind has its piece in turn, so that none waits for another that has many.
    """
    until = time.monotonic() + for_s
    left = [_drop_deliveries, _drop_events, _drop_visits]
    try:
        with locks.exclusive(f"retention-{shop_id}", wait_s=0):
            while left := [drop for drop in left if drop(shop_id) == RETENTION_BATCH_SIZE]:
                time.sleep(PAUSE_S)
                if time.monotonic() > until:
                    return
    except locks.LockTimeoutError:
        return  # whoever has it goes on


def _drop_deliveries(shop_id: int) -> int:
    with db.inbox_transaction() as session:
        return inbox.delete_digested(session, shop_id, _deliveries_go(), RETENTION_BATCH_SIZE)


def _drop_events(shop_id: int) -> int:
    with db.transaction() as session:
        db.lock_shop(session, shop_id)  # who digests counts days, too
        return events.delete_events(session, shop_id, _events_go(), RETENTION_BATCH_SIZE)


def _drop_visits(shop_id: int) -> int:
    with db.transaction() as session:
        db.lock_shop(session, shop_id)  # who digests writes visits anew
        return visits.delete_visits(session, shop_id, _events_go(), RETENTION_BATCH_SIZE)


def _deliveries_go() -> datetime:
    """The moment from before which no digested delivery is kept."""
    return clock.now() - timedelta(days=get_settings().keep_deliveries_days)


def _events_go() -> datetime:
    """The moment from before which no event and no visit is kept."""
    return clock.now() - get_settings().keep_events_months * MONTH
