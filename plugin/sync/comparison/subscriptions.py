"""Subscription contracts: what differs."""

from typing import cast

from sqlmodel import Session

from plugin.facts import EventFact, Facts
from plugin.shopify.normalise.subscriptions import HAPPEN_AGAIN
from plugin.sync.comparison.rows import Differences
from storage import events, subscription_contracts
from storage.reconciliations import DifferenceKind
from storage.subscription_contracts import ReportedContract

STANDING = ("status", "interval", "interval_count")


def compare_subscriptions(session: Session, shop_id: int, facts: Facts) -> Differences:
    """Which contracts are missing, stale, or lack an event.

    A contract may change while it is paused: that it was paused is looked for only with its row.
    """
    rows = [cast("ReportedContract", each.row) for each in facts.records]
    held = subscription_contracts.contracts_by_id(session, shop_id, [row["id"] for row in rows])
    told = [did for did in facts.events if did.metric not in HAPPEN_AGAIN]
    known = events.known_events(session, shop_id, [(did.metric, did.unique_id) for did in told])
    lacking = {_contract(did) for did in told if (did.metric, did.unique_id) not in known}
    found: Differences = {}
    for row in rows:
        have = held.get(row["id"])
        if have is None:
            found[str(row["id"])] = DifferenceKind.MISSING
        elif have.updated_at <= row["updated_at"] and any(
            getattr(have, name) != cast("dict[str, object]", row)[name] for name in STANDING
        ):
            found[str(row["id"])] = DifferenceKind.STALE
        elif row["id"] in lacking:
            found[str(row["id"])] = DifferenceKind.PARTIAL
    return found


def _contract(did: EventFact) -> object:
    return did.properties["subscription_id"]
