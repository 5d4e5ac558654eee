"""Parse a flow's definition (Klaviyo's published JSON) into actions that lead to one another.

What we do not honour is an error that names its field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from plugin.flows.fields import FieldReader, ListId, MetricName, Shape, ShopNames, Text
from plugin.flows.filters import ProfileFilter, TriggerFilter
from plugin.flows.steps import parse_step
from plugin.flows.steps.base import Step
from plugin.flows.timeframes import UNITS, Quantity, Unit
from storage.engine.types import JsonObject

MAX_ACTIONS = 200
MAX_ID_CHARS = 100
NEVER = timedelta.max
ActionId = Annotated[Text, Field(min_length=1, max_length=MAX_ID_CHARS)]


class MetricTrigger(Shape):
    """An event of a metric starts the flow."""

    type: Literal["metric"]
    id: MetricName
    trigger_filter: TriggerFilter | None = None


class ListTrigger(Shape):
    """Joining a list starts the flow."""

    type: Literal["list"]
    id: ListId


Trigger = Annotated[MetricTrigger | ListTrigger, Field(discriminator="type")]


class ReentryAtAnyTime(Shape):
    """Klaviyo's `alltime`: 0 lets a shopper enter again and again, 1 never again."""

    unit: Literal["alltime"]
    duration: Literal[0, 1]

    @property
    def after(self) -> timedelta | None:
        """After which time a shopper may enter again: None is at once."""
        return NEVER if self.duration else None


class ReentryAfter(Shape):
    """A shopper may enter again after a time."""

    unit: Unit
    duration: Quantity

    @property
    def after(self) -> timedelta | None:
        """After which time."""
        return self.duration * UNITS[self.unit]


class ActionShape(Shape):
    """An action. A new one may be named by a `temporary_id` instead of an `id`."""

    id: ActionId | None = None
    temporary_id: ActionId | None = None
    type: Text
    links: dict[str, ActionId | None] | None = None
    data: dict[str, Any] | None = None


class DefinitionShape(Shape):
    """A whole definition."""

    triggers: Annotated[list[Trigger], Field(min_length=1, max_length=1)]
    profile_filter: ProfileFilter | None = None
    entry_action_id: ActionId
    actions: Annotated[list[ActionShape], Field(min_length=1, max_length=MAX_ACTIONS)]
    reentry_criteria: (
        Annotated[ReentryAtAnyTime | ReentryAfter, Field(discriminator="unit")] | None
    ) = None


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
    trigger: str  # as `storage.flows.Flow.trigger` has it
    trigger_filter: TriggerFilter | None
    profile_filter: ProfileFilter | None
    reentry_after: timedelta | None  # at once, if None


def parse_definition(definition: JsonObject, shop: ShopNames | None = None) -> FlowDefinition:
    """The graph of a definition; what it names has to be the `shop`'s, if that is given.

    Raises:
        RegularsError: a field is wrong or not honoured, a step leads nowhere or turns in a circle.
    """
    reader = FieldReader(shop=shop)
    read = reader.read(DefinitionShape, definition)
    actions = _parse_actions(reader, read.actions)
    if read.entry_action_id not in actions:
        raise reader.at("entry_action_id").refuse(
            f"{read.entry_action_id} is no action. The flow starts at a step that doesn't exist."
        )
    _check_ends(reader, actions, read.entry_action_id)
    (trigger,) = read.triggers
    return FlowDefinition(
        entry_id=read.entry_action_id,
        actions=actions,
        trigger=f"{trigger.type}:{trigger.id}",
        trigger_filter=_trigger_filter(reader, trigger),
        profile_filter=read.profile_filter,
        reentry_after=read.reentry_criteria.after if read.reentry_criteria else None,
    )


def _trigger_filter(
    reader: FieldReader, trigger: MetricTrigger | ListTrigger
) -> TriggerFilter | None:
    """The filter of the trigger's own events."""
    wanted = trigger.trigger_filter if isinstance(trigger, MetricTrigger) else None
    for group, each in enumerate(wanted.condition_groups if wanted else ()):
        for number, condition in enumerate(each.conditions):
            if condition.metric_id != trigger.id:
                path = f"condition_groups[{group}].conditions[{number}].metric_id"
                raise reader.at(f"triggers[0].trigger_filter.{path}").refuse(
                    f"{condition.metric_id} isn't the trigger's metric, {trigger.id}."
                )
    return wanted


def _parse_actions(reader: FieldReader, given: Sequence[ActionShape]) -> dict[str, Action]:
    actions: dict[str, Action] = {}
    for number, action in enumerate(given):
        found = _parse_action(reader.at(f"actions[{number}]"), action)
        if found.id in actions:
            raise reader.at(f"actions[{number}].id").refuse(f"{found.id} is there twice.")
        actions[found.id] = found
    for number, each in enumerate(actions.values()):
        for link, target in each.links.items():
            if target is not None and target not in actions:
                raise reader.at(f"actions[{number}].links.{link}").refuse(
                    f"leads to {target}, which doesn't exist."
                )
    return actions


def _parse_action(reader: FieldReader, action: ActionShape) -> Action:
    if action.id is not None and action.temporary_id is not None:
        raise reader.at("temporary_id").refuse("stands beside an id. Leave one of them out.")
    action_id = action.id or action.temporary_id
    if action_id is None:
        raise reader.at("id").refuse("is missing.")
    step = parse_step(reader, action.type, action.data)
    links = action.links or {}
    for link in links:
        if link not in step.LINKS:
            raise reader.at(f"links.{link}").refuse(f"isn't a link that a {action.type} follows.")
    return Action(action_id, step, links)


def _check_ends(reader: FieldReader, actions: Mapping[str, Action], entry: str) -> None:
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
            number = list(actions).index(at)
            raise reader.at(f"actions[{number}]").refuse(
                "comes again, so the flow would never end."
            )
        elif at not in done:
            on_the_way.add(at)
            stack.append((at, True))
            stack += [(to, False) for to in actions[at].links.values() if to is not None]
