"""Decide whether a profile meets a profile filter: a flow's own, or one inside a step.

Groups are joined by AND, the conditions inside one by OR, as Klaviyo reads them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlmodel import Session

from plugin.errors import RegularsError
from storage import events
from storage.engine.types import JsonObject

Filter = tuple[tuple[JsonObject, ...], ...]  # groups of conditions

COMPARE: dict[str, Callable[[int, int], bool]] = {
    "equals": lambda a, b: a == b,
    "not-equals": lambda a, b: a != b,
    "greater-than": lambda a, b: a > b,
    "greater-than-or-equal": lambda a, b: a >= b,
    "less-than": lambda a, b: a < b,
    "less-than-or-equal": lambda a, b: a <= b,
}
UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


def parse_filter(profile_filter: JsonObject | None) -> Filter:
    """Read the conditions of a filter; none where there is no filter.

    Raises:
        RegularsError: a condition is of a kind that we cannot check.
    """
    groups = (profile_filter or {}).get("condition_groups") or []
    for condition in (each for group in groups for each in group["conditions"]):
        if condition["type"] != "profile-metric":
            raise RegularsError(
                f"The filter condition {condition['type']} isn't supported yet.", 422
            )
    return tuple(tuple(group["conditions"]) for group in groups)


def metrics_used(conditions: Filter) -> set[str]:
    """Return the metrics that a filter depends on."""
    return {
        condition["metric_id"]
        for group in conditions
        for condition in group
        if condition["type"] == "profile-metric"
    }


def matches_filter(
    session: Session,
    shop_id: int,
    profile_id: int,
    conditions: Filter,
    started_at: datetime,
    now: datetime,
) -> bool:
    """Whether a shopper meets a profile filter; `started_at` is what set the flow off."""
    return all(
        any(_holds(session, shop_id, profile_id, c, started_at, now) for c in group)
        for group in conditions
    )


def _holds(
    session: Session,
    shop_id: int,
    profile_id: int,
    condition: JsonObject,
    started_at: datetime,
    now: datetime,
) -> bool:
    since = _since(condition["timeframe_filter"], started_at, now)
    count = events.count_since(session, shop_id, profile_id, condition["metric_id"], since)
    wanted = condition["measurement_filter"]
    return COMPARE[wanted["operator"]](count, wanted["value"])


def _since(timeframe: JsonObject, started_at: datetime, now: datetime) -> datetime | None:
    match timeframe["operator"]:
        case "flow-start":
            return started_at
        case "in-the-last":
            return now - int(timeframe["quantity"]) * UNITS[timeframe["unit"]]
        case _:
            return None  # alltime


def may_reenter(reentry: JsonObject | None, last_entered: datetime | None, now: datetime) -> bool:
    """Return whether a profile that entered at `last_entered` may re-enter (`reentry_criteria`)."""
    if last_entered is None or reentry is None:
        return True
    if reentry["unit"] == "alltime":
        return False
    return now - last_entered >= int(reentry["duration"]) * UNITS[reentry["unit"]]
