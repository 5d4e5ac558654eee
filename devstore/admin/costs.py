"""What a query costs and whether the app can afford it: Shopify's points and its leaky bucket."""

import time
from collections.abc import Callable
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_leaf_type,
)
from graphql.language import DocumentNode, FragmentDefinitionNode

# The standard plan: 100 points a second, at most 1,000 a query. shopify.dev, "API limits".
CAPACITY, RESTORE_PER_S, MOST = 2_000.0, 100.0, 1_000
MUTATION = 10


class Bucket:
    """The points an app has left on one shop."""

    def __init__(
        self,
        capacity: float = CAPACITY,
        restore_per_s: float = RESTORE_PER_S,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self.capacity, self.restore_per_s = capacity, restore_per_s
        self._tick = tick
        self._left, self._at = capacity, tick()

    def take(self, points: float) -> bool:
        """Spend points, if there are so many; a negative number gives some back."""
        now = self._tick()
        self._left = min(self.capacity, self._left + (now - self._at) * self.restore_per_s)
        self._at = now
        if self._left < points:
            return False
        self._left = min(self.capacity, self._left - points)
        return True

    def status(self) -> dict[str, float]:
        """`throttleStatus` as it stands in every answer."""
        self.take(0)
        return {
            "maximumAvailable": self.capacity,
            "currentlyAvailable": int(self._left),
            "restoreRate": self.restore_per_s,
        }


def requested(
    schema: GraphQLSchema, document: DocumentNode, operation: str | None, values: dict[str, Any]
) -> int:
    """The most that a query may cost: objects 1, scalars 0, connections times their `first`."""
    fragments = {
        each.name.value: each
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode) and (
            operation is None or (each.name and each.name.value == operation)
        ):
            root = schema.get_root_type(each.operation)
            base = MUTATION if each.operation.value == "mutation" else 0
            return base + _cost(schema, each.selection_set, root, fragments, values=values)
    return 0


def actual(data: Any, *, mutation: bool) -> int:
    """What an answer cost: its objects, without the frames of connections."""
    return (MUTATION if mutation else 0) + max(0, _objects(data) - 1)


def _cost(
    schema: GraphQLSchema,
    selected: SelectionSetNode,
    parent: Any,
    fragments: dict[str, FragmentDefinitionNode],
    *,
    values: dict[str, Any],
) -> int:
    total = 0
    for node in selected.selections:
        if isinstance(node, FieldNode):
            total += _field_cost(schema, node, parent, fragments, values=values)
        elif isinstance(node, InlineFragmentNode):
            on = node.type_condition
            kind = schema.get_type(on.name.value) if on else parent
            total += _cost(schema, node.selection_set, kind, fragments, values=values)
        elif isinstance(node, FragmentSpreadNode):
            spread = fragments[node.name.value]
            kind = schema.get_type(spread.type_condition.name.value)
            total += _cost(schema, spread.selection_set, kind, fragments, values=values)
    return total


def _field_cost(
    schema: GraphQLSchema,
    node: FieldNode,
    parent: Any,
    fragments: dict[str, FragmentDefinitionNode],
    *,
    values: dict[str, Any],
) -> int:
    field = parent.fields.get(node.name.value) if hasattr(parent, "fields") else None
    if field is None or node.selection_set is None:
        return 0
    kind = get_named_type(field.type)
    if is_leaf_type(kind) or not is_composite_type(kind):
        return 0
    inside = _cost(schema, node.selection_set, kind, fragments, values=values)
    if kind.name.endswith("Connection"):
        return 2 + _first(node, values) * inside
    frame = kind.name in ("PageInfo",) or kind.name.endswith("Edge")
    payload = isinstance(kind, GraphQLObjectType) and kind.name.endswith("Payload")
    return inside + (0 if frame or payload or kind.name.endswith("Error") else 1)


def _first(node: FieldNode, values: dict[str, Any]) -> int:
    for argument in node.arguments:
        if argument.name.value == "first":
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            if isinstance(argument.value, VariableNode):
                return int(values.get(argument.value.name.value) or 0)
    return 0


def _objects(data: Any) -> int:
    if isinstance(data, list):
        return sum(_objects(each) for each in data)
    if isinstance(data, dict):
        return 1 + sum(_objects(value) for key, value in data.items() if key != "pageInfo")
    return 0
