"""Delete data after its retention time, in small pieces that delay no other work.

Digested deliveries are kept for inspection; their facts stand in our tables. Failed webhooks keep
their content for longer, for the merchant to see to, and then topic, time and reason. Events,
visits and the access log are kept as long as the setting says (reports and segments look back two
years at most).

The clock looks which shops have something to delete, and a worker deletes it; only the access log,
a few rows of all shops, the clock deletes itself.
"""

import time
from datetime import datetime, timedelta

from sqlmodel import Session

from plugin import clock, jobs
from plugin.jobs import Progress, SliceJob
from plugin.settings import get_settings
from storage import access_log, events, failed_webhooks, inbox, mailbox_counts, visits
from storage.engine import db
from storage.inbox import DeliveryState

# In a transaction: deliveries are overwritten by SQLite, 8 KB each, while others want to come in.
# Of 300,000 events that lie in no order it drops 200 in 43 ms, and PostgreSQL in 36 (measured on
# two cores).
RETENTION_BATCH_SIZE = 200
PAUSE_S = 0.1  # between pieces: who waits for SQLite's writer looks at least as often
BUDGET_S = 1.0  # of each minute, for it is the clock's own time
# a busy shop has an expired row every minute; the clock waits for this many
MAX_LAG = timedelta(hours=1)
MONTH = timedelta(days=365.25 / 12)


def delete_access_log() -> None:
    """Drop what is known of who looked at shoppers' data longer ago than the setting."""
    before = clock.now() - timedelta(days=get_settings().keep_access_log_days)
    until = time.monotonic() + BUDGET_S
    gone = RETENTION_BATCH_SIZE
    while gone == RETENTION_BATCH_SIZE and time.monotonic() < until:
        with db.transaction() as session:
            gone = access_log.delete_before(session, before, RETENTION_BATCH_SIZE)


def delete_mailbox_counts() -> None:
    """Drop the counts of mails to a mailbox, which are of no use after a day."""
    with db.transaction() as session:
        mailbox_counts.delete_over(session, clock.now())


def find_due_shops(session: Session, now: datetime) -> list[int]:
    """Shops with deliveries, events or visits that were over for a while at `now`."""
    with db.inbox_reading() as inbox_session:
        found = {
            shop_id
            for state, end in (
                (DeliveryState.DONE, _deliveries_end(now)),
                (DeliveryState.QUARANTINED, _failed_end(now)),
            )
            for shop_id in inbox.shops_before(inbox_session, end - MAX_LAG, state)
        }
    found.update(events.shops_before(session, _events_end(now) - MAX_LAG))
    found.update(visits.shops_before(session, _events_end(now) - MAX_LAG))
    return sorted(found)


def delete_expired(shop_id: int) -> Progress:
    """Delete a batch of each kind that a shop has kept for longer than the settings say.

    Each kind has its batch in each step, so that none waits for another that has many.
    """
    kinds = (_delete_deliveries, _empty_failed, _delete_events, _delete_visits)
    if RETENTION_BATCH_SIZE not in [delete(shop_id) for delete in kinds]:
        return Progress.DONE
    time.sleep(PAUSE_S)
    return Progress.MORE


SLICE_JOB = SliceJob(
    "retention", delete_expired, find_due_shops, priority=jobs.LAST, enqueues_rest=False
)


def _delete_deliveries(shop_id: int) -> int:
    with db.inbox_transaction() as session:
        before = _deliveries_end(clock.now())
        return inbox.delete_digested(session, shop_id, before, RETENTION_BATCH_SIZE)


def _empty_failed(shop_id: int) -> int:
    with db.inbox_transaction() as session:
        before = _failed_end(clock.now())
        return failed_webhooks.empty_quarantined(session, shop_id, before, RETENTION_BATCH_SIZE)


def _delete_events(shop_id: int) -> int:
    with db.transaction() as session:
        db.lock_shop(session, shop_id)  # a digest counts days, too
        before = _events_end(clock.now())
        return events.delete_events(session, shop_id, before, RETENTION_BATCH_SIZE)


def _delete_visits(shop_id: int) -> int:
    with db.transaction() as session:
        db.lock_shop(session, shop_id)  # a digest writes visits anew
        before = _events_end(clock.now())
        return visits.delete_visits(session, shop_id, before, RETENTION_BATCH_SIZE)


def _deliveries_end(now: datetime) -> datetime:
    """The moment from before which no digested delivery is kept."""
    return now - timedelta(days=get_settings().keep_deliveries_days)


def _failed_end(now: datetime) -> datetime:
    """The moment from before which no failed webhook keeps its content."""
    return now - timedelta(days=get_settings().keep_failed_webhooks_days)


def _events_end(now: datetime) -> datetime:
    """The moment from before which no event and no visit is kept."""
    return now - get_settings().keep_events_months * MONTH
