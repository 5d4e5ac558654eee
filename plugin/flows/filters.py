"""Decide whether a profile may enter a flow and stay in it, by the conditions of its definition.

Groups are joined by AND, the conditions inside one by OR, as Klaviyo reads them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from plugin.flows.definition import FlowDefinition
from storage import events

COMPARE: dict[str, Callable[[int, int], bool]] = {
    "equals": lambda a, b: a == b,
    "not-equals": lambda a, b: a != b,
    "greater-than": lambda a, b: a > b,
    "greater-than-or-equal": lambda a, b: a >= b,
    "less-than": lambda a, b: a < b,
    "less-than-or-equal": lambda a, b: a <= b,
}
UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


def metrics_used(graph: FlowDefinition) -> set[str]:
    """Return the metrics that a flow's filter depends on."""
    return {
        condition["metric_id"]
        for group in graph.conditions
        for condition in group
        if condition["type"] == "profile-metric"
    }


def matches_filter(
    session: Session,
    shop_id: int,
    profile_id: int,
    graph: FlowDefinition,
    started_at: datetime,
    now: datetime,
) -> bool:
    """Whether a shopper meets a flow's profile filter; `started_at` is what set the flow off."""
    return all(
        any(_holds(session, shop_id, profile_id, c, started_at, now) for c in group)
        for group in graph.conditions
    )


def _holds(
    session: Session,
    shop_id: int,
    profile_id: int,
    condition: dict[str, Any],
    started_at: datetime,
    now: datetime,
) -> bool:
    since = _since(condition["timeframe_filter"], started_at, now)
    count = events.count_since(session, shop_id, profile_id, condition["metric_id"], since)
    wanted = condition["measurement_filter"]
    return COMPARE[wanted["operator"]](count, wanted["value"])


def _since(timeframe: dict[str, Any], started_at: datetime, now: datetime) -> datetime | None:
    match timeframe["operator"]:
        case "flow-start":
            return started_at
        case "in-the-last":
            return now - int(timeframe["quantity"]) * UNITS[timeframe["unit"]]
        case _:
            return None  # alltime


def may_reenter(graph: FlowDefinition, last_entered: datetime | None, now: datetime) -> bool:
    """Return whether a profile that entered at `last_entered` may re-enter (`reentry_criteria`)."""
    if last_entered is None or graph.reentry is None:
        return True
    if graph.reentry["unit"] == "alltime":
        return False
    return now - last_entered >= int(graph.reentry["duration"]) * UNITS[graph.reentry["unit"]]
