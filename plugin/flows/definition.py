"""Parse a flow's definition (Klaviyo's published JSON) into actions that lead to one another.

A definition with parts that we cannot run yet is an error that names them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from plugin.errors import RegularsError
from plugin.flows.filters import Filter, parse_filter, parse_reentry
from plugin.flows.steps import parse_step
from plugin.flows.steps.base import Step
from storage.engine.types import JsonObject

MAX_ACTIONS = 200


@dataclass(frozen=True, slots=True)
class Action:
    """A step with its links: `next`, or the names that its kind of step follows."""

    id: str
    step: Step
    links: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class FlowDefinition:
    """A flow that can be run."""

    entry_id: str
    actions: dict[str, Action]
    triggers: tuple[str, ...]
    conditions: Filter
    reentry_after: timedelta | None  # at once, if None


def parse_definition(definition: JsonObject) -> FlowDefinition:
    """The graph of a definition.

    Raises:
        RegularsError: a step leads nowhere, turns in a circle, or is of a kind that we cannot run.
    """
    actions = {str(action["id"]): _parse_action(action) for action in definition["actions"]}
    if not 0 < len(actions) <= MAX_ACTIONS:
        raise RegularsError(f"A flow needs 1 to {MAX_ACTIONS} steps.", 422)
    entry = str(definition["entry_action_id"])
    for action in actions.values():
        for target in action.links.values():
            if target is not None and target not in actions:
                raise RegularsError(
                    f"Step {action.id} leads to {target}, which doesn't exist.", 422
                )
    if entry not in actions:
        raise RegularsError(f"The flow starts at {entry}, which doesn't exist.", 422)
    _check_ends(actions, entry)
    return FlowDefinition(
        entry_id=entry,
        actions=actions,
        triggers=tuple(trigger_key(trigger) for trigger in definition["triggers"]),
        conditions=parse_filter(definition.get("profile_filter")),
        reentry_after=parse_reentry(definition.get("reentry_criteria")),
    )


def _parse_action(action: JsonObject) -> Action:
    action_id = str(action["id"])
    step = parse_step(action_id, action["type"], action.get("data") or {})
    return Action(action_id, step, action.get("links") or {})


def _check_ends(actions: Mapping[str, Action], entry: str) -> None:
    """Refuse a way through the flow that comes back to a step; ways may meet again."""
    on_the_way: set[str] = set()
    done: set[str] = set()
    stack = [(entry, False)]
    while stack:
        at, is_left = stack.pop()
        if is_left:
            on_the_way.remove(at)
            done.add(at)
        elif at in on_the_way:
            raise RegularsError(f"Step {at} repeats, so the flow would never end.", 422)
        elif at not in done:
            on_the_way.add(at)
            stack.append((at, True))
            stack += [(to, False) for to in actions[at].links.values() if to is not None]


def trigger_key(trigger: JsonObject) -> str:
    """A trigger as `storage.flows.Flow.trigger` has it."""
    if trigger["type"] not in ("metric", "list"):
        raise RegularsError(f"The trigger {trigger['type']} isn't supported yet.", 422)
    return f"{trigger['type']}:{trigger['id']}"
