"""Decide whether a profile meets a profile filter: a flow's own, or one inside a step.

Groups are joined by AND, the conditions inside one by OR, as Klaviyo reads them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from plugin.errors import RegularsError
from storage import events
from storage.engine.types import JsonObject

COMPARE: dict[str, Callable[[int, int], bool]] = {
    "equals": lambda a, b: a == b,
    "not-equals": lambda a, b: a != b,
    "greater-than": lambda a, b: a > b,
    "greater-than-or-equal": lambda a, b: a >= b,
    "less-than": lambda a, b: a < b,
    "less-than-or-equal": lambda a, b: a <= b,
}
UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
NEVER = timedelta.max
FLOW_START, IN_THE_LAST = "flow-start", "in-the-last"


@dataclass(frozen=True, slots=True)
class MetricCondition:
    """Compares how often a profile did something with a number.

    `timeframe` is `flow-start`, `alltime`, or `in-the-last` with its `duration`.
    """

    metric_id: str
    operator: str
    value: int
    timeframe: str
    duration: timedelta | None


Filter = tuple[tuple[MetricCondition, ...], ...]  # groups of conditions


def parse_filter(profile_filter: JsonObject | None) -> Filter:
    """Read the conditions of a filter; none where there is no filter.

    Raises:
        RegularsError: a condition is of a kind that we cannot check.
    """
    groups = (profile_filter or {}).get("condition_groups") or []
    return tuple(tuple(map(_parse_condition, group["conditions"])) for group in groups)


def _parse_condition(condition: JsonObject) -> MetricCondition:
    if condition["type"] != "profile-metric":
        raise RegularsError(f"The filter condition {condition['type']} isn't supported yet.", 422)
    wanted, timeframe = condition["measurement_filter"], condition["timeframe_filter"]
    return MetricCondition(
        metric_id=condition["metric_id"],
        operator=wanted["operator"],
        value=wanted["value"],
        timeframe=timeframe["operator"],
        duration=int(timeframe["quantity"]) * UNITS[timeframe["unit"]]
        if timeframe["operator"] == IN_THE_LAST
        else None,
    )


def parse_reentry(criteria: JsonObject | None) -> timedelta | None:
    """Read after which time a profile may enter again: None is at once, `NEVER` never."""
    if criteria is None:
        return None
    if criteria["unit"] == "alltime":
        return NEVER
    return int(criteria["duration"]) * UNITS[criteria["unit"]]


def metrics_used(conditions: Filter) -> set[str]:
    """Return the metrics that a filter depends on."""
    return {condition.metric_id for group in conditions for condition in group}


def matches_filter(
    session: Session,
    shop_id: int,
    profile_id: int,
    conditions: Filter,
    *,
    started_at: datetime,
    now: datetime,
) -> bool:
    """Whether a shopper meets a profile filter; `started_at` is what set the flow off."""
    return all(
        any(_holds(session, shop_id, profile_id, c, started_at=started_at, now=now) for c in group)
        for group in conditions
    )


def _holds(
    session: Session,
    shop_id: int,
    profile_id: int,
    condition: MetricCondition,
    *,
    started_at: datetime,
    now: datetime,
) -> bool:
    since = _since(condition, started_at, now)
    count = events.count_since(session, shop_id, profile_id, condition.metric_id, since=since)
    return COMPARE[condition.operator](count, condition.value)


def _since(condition: MetricCondition, started_at: datetime, now: datetime) -> datetime | None:
    if condition.timeframe == FLOW_START:
        return started_at
    return None if condition.duration is None else now - condition.duration


def may_reenter(after: timedelta | None, last_entered: datetime | None, now: datetime) -> bool:
    """Return whether a profile that entered at `last_entered` may re-enter (`reentry_criteria`)."""
    return last_entered is None or after is None or now - last_entered >= after
