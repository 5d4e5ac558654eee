"""Parse a flow's definition (Klaviyo's published JSON) into actions that lead to one another.

A definition with parts that we cannot run yet is an error that names them.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from plugin.channels.registry import channel_of_action
from plugin.errors import RegularsError
from storage.channels import Channel

DELAY = "time-delay"
MAX_ACTIONS = 200
UNITS = {"minutes": "minutes", "hours": "hours", "days": "days"}


@dataclass(frozen=True, slots=True)
class Action:
    """One step. `data` is as the definition has it."""

    id: str
    kind: str
    next_id: str | None
    data: dict[str, Any]

    def delay(self) -> timedelta:
        """How long a `time-delay` waits."""
        unit = self.data.get("unit", "days")
        total = timedelta(**{UNITS[unit]: self.data["value"]})
        if second := self.data.get("secondary_value"):
            total += timedelta(minutes=second) if unit == "hours" else timedelta(hours=second)
        return total

    @property
    def channel(self) -> Channel | None:
        """The channel that it sends on: email for a `send-email`; None for what sends nothing."""
        return channel_of_action(self.kind)

    def message(self) -> dict[str, Any]:
        """The message that it sends."""
        found: dict[str, Any] = self.data.get("message") or {}
        return found


@dataclass(frozen=True, slots=True)
class FlowDefinition:
    """A flow that can be run."""

    entry_id: str
    actions: dict[str, Action]
    triggers: tuple[str, ...]
    conditions: tuple[tuple[dict[str, Any], ...], ...]
    reentry: dict[str, Any] | None


def parse_definition(definition: dict[str, Any]) -> FlowDefinition:
    """The graph of a definition.

    Raises:
        RegularsError: a step leads nowhere, turns in a circle, or is of a kind that we cannot run.
    """
    actions = {
        str(a["id"]): Action(
            str(a["id"]), a["type"], (a.get("links") or {}).get("next"), a.get("data") or {}
        )
        for a in definition["actions"]
    }
    if not 0 < len(actions) <= MAX_ACTIONS:
        raise RegularsError(f"A flow needs 1 to {MAX_ACTIONS} steps.", 422)
    entry = str(definition["entry_action_id"])
    for action in actions.values():
        _check(action)
        if action.next_id is not None and action.next_id not in actions:
            raise RegularsError(
                f"Step {action.id} leads to {action.next_id}, which doesn't exist.", 422
            )
    seen, at = set(), entry if entry in actions else None
    if at is None:
        raise RegularsError(f"The flow starts at {entry}, which doesn't exist.", 422)
    while at is not None:
        if at in seen:
            raise RegularsError(f"Step {at} repeats, so the flow would never end.", 422)
        seen.add(at)
        at = actions[at].next_id
    _check_conditions(definition)
    groups = (definition.get("profile_filter") or {}).get("condition_groups") or []
    return FlowDefinition(
        entry_id=entry,
        actions=actions,
        triggers=tuple(trigger_key(trigger) for trigger in definition["triggers"]),
        conditions=tuple(tuple(group["conditions"]) for group in groups),
        reentry=definition.get("reentry_criteria"),
    )


def _check_conditions(definition: dict[str, Any]) -> None:
    for group in (definition.get("profile_filter") or {}).get("condition_groups") or []:
        for condition in group["conditions"]:
            if condition["type"] != "profile-metric":
                raise RegularsError(
                    f"The filter condition {condition['type']} isn't supported yet.",
                    422,
                )


def trigger_key(trigger: dict[str, Any]) -> str:
    """A trigger as `storage.flows.Flow.trigger` has it."""
    if trigger["type"] not in ("metric", "list"):
        raise RegularsError(f"The trigger {trigger['type']} isn't supported yet.", 422)
    return f"{trigger['type']}:{trigger['id']}"


def _check(action: Action) -> None:
    if action.kind != DELAY and action.channel is None:
        raise RegularsError(f"Step {action.id} is a {action.kind}, which isn't supported yet.", 422)
    if action.kind == DELAY:
        if action.data.get("unit", "days") not in UNITS or action.data["value"] < 0:
            raise RegularsError(f"Step {action.id} needs a wait time.", 422)
        for option in ("delay_until_time", "delay_until_weekdays"):
            if action.data.get(option):
                raise RegularsError(
                    f"Step {action.id} uses {option}, which isn't supported yet.", 422
                )
