"""Addresses that another system could no longer write to: what a merchant's file says of them."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from plugin.facts import SuppressionFact
from storage import consent, suppressions
from storage.consent_ledger import ConsentPurpose, ConsentState, LedgerKey


def suppress_reported(session: Session, shop_id: int, told: Sequence[SuppressionFact]) -> None:
    """Suppress addresses, except where their owner said yes to this shop later."""
    if not told:
        return
    states = consent.states_at(session, shop_id, {(each.channel, each.address) for each in told})
    by_moment: dict[datetime, list[LedgerKey]] = {}
    for each in told:
        state = states.get((each.channel, each.address, ConsentPurpose.MARKETING))
        if state is None or not _is_later_yes(session, state, each.at):
            by_moment.setdefault(each.at, []).append((each.channel, each.address))
    for at, places in by_moment.items():
        suppressions.suppress_addresses(session, shop_id, places, at)


def _is_later_yes(session: Session, state: consent.ConsentRow, at: datetime) -> bool:
    if state["state"] != ConsentState.SUBSCRIBED or state["changed_at"] <= at:
        return False
    entry = consent.get_entry(session, state["shop_id"], state["ledger_entry_id"])
    return entry is not None and entry.source in suppressions.OWNER_SOURCES
