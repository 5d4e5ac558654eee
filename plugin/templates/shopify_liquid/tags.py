"""Tags in which a bad value fails nothing but itself: it renders as nothing, and the mail goes on.

Only a limit ends a mail (`limits.py`): a template that runs away.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TextIO

from liquid import RenderContext, Tag, TokenStream
from liquid.ast import Node
from liquid.builtin.expressions import LoopExpression, StringLiteral
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.assign_tag import AssignNode, AssignTag
from liquid.builtin.tags.capture_tag import CaptureNode, CaptureTag
from liquid.builtin.tags.case_tag import CaseNode, CaseTag, MultiExpressionBlockNode
from liquid.builtin.tags.cycle_tag import CycleNode, CycleTag
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.builtin.tags.if_tag import IfNode, IfTag
from liquid.builtin.tags.tablerow_tag import TablerowNode, TablerowTag
from liquid.builtin.tags.unless_tag import UnlessNode, UnlessTag
from liquid.exceptions import ResourceLimitError
from liquid.expression import Expression
from markupsafe import Markup

from plugin.templates.shopify_liquid.comparisons import AnyOf, with_our_comparisons
from plugin.templates.shopify_liquid.context import MailContext
from plugin.templates.shopify_liquid.values import FAULTS, to_integer, to_shown


def write_value(expression: Expression, context: RenderContext, buffer: TextIO) -> int:
    """Write what an expression shows, or nothing where its value does not do."""
    assert isinstance(context, MailContext)
    context.check_time()
    try:
        return buffer.write(context.show(expression.evaluate(context)))
    except ResourceLimitError:
        raise
    except FAULTS:
        return 0


class _OutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return write_value(self.expression, context, buffer)


class _Output(Output):
    node_class = _OutputNode


class _EchoNode(EchoNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return write_value(self.expression, context, buffer)


class _Echo(EchoTag):
    node_class = _EchoNode


class _CycleNode(CycleNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        group = to_shown(self.group.evaluate(context)) if self.group else ""
        key = group or str([to_shown(each.evaluate(context)) for each in self.args])
        index = context.cycle(hash(key), len(self.args))  # the key may be a long text
        if index >= len(self.args):
            return 0
        return write_value(self.args[index], context, buffer)


class _Cycle(CycleTag):
    node_class = _CycleNode


class _AssignNode(AssignNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        try:
            value = self.expression.evaluate(context)
        except ResourceLimitError:
            raise
        except FAULTS:
            return 0
        context.assign(self.name, value)
        return 0


class _Assign(AssignTag):
    node_class = _AssignNode


class _CaptureNode(CaptureNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        assert isinstance(context, MailContext)
        captured = context.get_buffer(buffer)
        self.block.render(context, captured)
        text = captured.getvalue()
        context.assign(self.name, text if context.is_plain else Markup(text))
        return 0


class _Capture(CaptureTag):
    node_class = _CaptureNode


class _If(IfTag):
    def parse(self, stream: TokenStream) -> Node:
        return _compared(super().parse(stream))


class _Unless(UnlessTag):
    def parse(self, stream: TokenStream) -> Node:
        return _compared(super().parse(stream))


class _Case(CaseTag):
    def parse(self, stream: TokenStream) -> Node:
        node = super().parse(stream)
        if isinstance(node, CaseNode):
            for block in node.blocks:
                if isinstance(block, MultiExpressionBlockNode):
                    said = block.expression
                    block.expression = AnyOf(said.token, said.left, said.expressions)  # type: ignore[assignment]
        return node


class _Loop(LoopExpression):
    """The items of a loop; a limit that is nothing is none, and one of zero is zero."""

    def evaluate(self, context: RenderContext) -> tuple[object, int]:  # type: ignore[override]
        value = self.iterable.evaluate(context)
        items = _loop_items(value)
        if isinstance(value, str):
            return iter(items), len(items)  # the only item of a text, wherever a loop begins
        key = f"{self.identifier}-{self.iterable}"
        if isinstance(self.offset, StringLiteral) and self.offset.value == "continue":
            start = context.stopindex(key)
        else:
            start = _evaluate_integer(self.offset, context, 0)
        limit = _evaluate_integer(self.limit, context, len(items))
        stop = min(max(start + limit, 0), len(items))
        context.stopindex(key, index=stop)
        taken = items[max(start, 0) : stop]
        return _timed(reversed(taken) if self.reversed else taken, context), len(taken)


class _ForNode(ForNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        try:
            return super().render_to_output(context, buffer)
        except ResourceLimitError:
            raise
        except FAULTS:
            return 0


class _For(ForTag):
    node_class = _ForNode

    def parse(self, stream: TokenStream) -> Node:
        return _looped(super().parse(stream))


class _TablerowNode(TablerowNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        try:
            return super().render_to_output(context, buffer)
        except ResourceLimitError:
            raise
        except FAULTS:
            return 0


class _Tablerow(TablerowTag):
    node_class = _TablerowNode

    def parse(self, stream: TokenStream) -> TablerowNode:
        node = super().parse(stream)
        _looped(node)
        return node


TAGS: tuple[type[Tag], ...] = (
    _Output, _Echo, _Cycle, _Assign, _Capture, _If, _Unless, _Case, _For, _Tablerow,
)  # fmt: skip


def _compared(node: Node) -> Node:
    if isinstance(node, IfNode | UnlessNode):
        node.condition = with_our_comparisons(node.condition)
        for alternative in node.alternatives:
            alternative.expression = with_our_comparisons(alternative.expression)
    return node


def _looped(node: Node) -> Node:
    if isinstance(node, ForNode | TablerowNode):
        said = node.expression
        node.expression = _Loop(
            said.token,
            said.identifier,
            said.iterable,
            limit=said.limit,
            offset=said.offset,
            reversed_=said.reversed,
            cols=said.cols,
        )
    return node


def _timed(items: Iterable[object], context: RenderContext) -> Iterator[object]:
    assert isinstance(context, MailContext)
    for item in items:
        context.check_time()
        yield item


def _loop_items(value: object) -> Sequence[object]:
    if isinstance(value, list | tuple | range):
        return value
    if isinstance(value, Mapping):
        return [list(pair) for pair in value.items()]
    return [value] if isinstance(value, str) and value else []


def _evaluate_integer(expression: Expression | None, context: RenderContext, default: int) -> int:
    return default if expression is None else to_integer(expression.evaluate(context), default)
