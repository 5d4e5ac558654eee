"""Retention: digested deliveries are kept for a while, to look into, and then they are gone.

What they said stands in our tables. What lies in quarantine stays until somebody has looked at it.
"""

from datetime import timedelta

from plugin import clock
from plugin.settings import get_settings
from storage import access_log, db, inbox, shops

AT_ONCE = (
    200  # in a transaction: SQLite overwrites them, 8 KB each, while deliveries want to come in
)
AT_MOST = 20_000  # of a shop in one go; the clock comes again in a minute


def drop_access_log() -> None:
    """Drop what is known of who looked at shoppers' data longer ago than the setting."""
    with db.transaction() as session:
        before = clock.now() - timedelta(days=get_settings().keep_access_log_days)
        access_log.drop_before(session, before)


def drop_digested() -> int:
    """Drop the deliveries of all shops that are older than the setting; how many those were."""
    before = clock.now() - timedelta(days=get_settings().keep_deliveries_days)
    with db.reading() as session:
        everyone = shops.all_domains(session).values()
    dropped = 0
    for shop_id in everyone:
        for _ in range(AT_MOST // AT_ONCE):
            with db.inbox_transaction() as session:
                gone = inbox.drop_digested(session, shop_id, before, AT_ONCE)
            dropped += gone
            if gone < AT_ONCE:
                break
    return dropped
