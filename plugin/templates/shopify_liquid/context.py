"""The variables of one mail, looked up as Ruby's Liquid does (`Liquid::VariableLookup`)."""

from collections.abc import Mapping

from liquid import BoundTemplate, RenderContext, Token, is_undefined
from liquid.undefined import UNDEFINED
from liquid.utils import ReadOnlyChainMap
from markupsafe import escape

from plugin.templates.shopify_liquid.values import to_plain_text, to_shown


class Addresses:
    """The numbered links of a mail: `{{ links[2] }}` is what this gives for 2."""

    __slots__ = ()

    def at(self, number: int, context: "MailContext") -> str:
        """The address to show, in the place where it stands."""
        raise NotImplementedError


class MailContext(RenderContext):
    """Variables, of which those that there are not are nothing. The time is ours: no `today`."""

    __slots__ = ("is_plain",)

    starts_plain = False

    def __init__(self, template: BoundTemplate, **options: object) -> None:
        super().__init__(template, **options)  # type: ignore[arg-type]
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)
        self.is_plain = self.starts_plain

    def show(self, value: object) -> str:
        """A value as it is written here: escaped in HTML, without markup in plain text."""
        shown = to_shown(value)
        return to_plain_text(shown) if self.is_plain else escape(shown)

    def render_plain(self, template: BoundTemplate) -> str:
        """A template of plain text, rendered here: with the variables of this place."""
        buffer, was_plain = self.get_buffer(), self.is_plain
        self.is_plain = True
        try:
            for node in template.nodes:
                node.render(self, buffer)
        finally:
            self.is_plain = was_plain
        return buffer.getvalue()

    def get(
        self, path: list[object], *, token: Token | None, default: object = UNDEFINED
    ) -> object:
        """What a path leads to; nothing where it leads nowhere."""
        root = path[0]
        found = self.scope.get(root) if isinstance(root, str) else None
        for key in path[1:]:
            if found is None:
                return None
            found = self._step(found, key)
        return None if is_undefined(found) else found

    def _step(self, value: object, key: object) -> object:
        if isinstance(value, dict):  # before Mapping, of which it is one, and slow to ask for
            return _step_into_object(value, key) if isinstance(key, str) else None
        if isinstance(value, list | tuple | range):
            return _step_into_list(value, key)
        if isinstance(value, Addresses):
            return value.at(key, self) if isinstance(key, int) else None
        if isinstance(value, Mapping):
            return _step_into_object(value, key) if isinstance(key, str) else None
        return len(value) if isinstance(value, str) and key == "size" else None


class PlainContext(MailContext):
    """The variables of a text that is no HTML: a subject, an address, a plain-text part."""

    __slots__ = ()

    starts_plain = True


def _step_into_object(value: Mapping[str, object], key: str) -> object:
    if key in value:
        return value[key]
    if key == "size":
        return len(value)
    return list(next(iter(value.items()))) if key == "first" and value else None


def _step_into_list(value: list[object] | tuple[object, ...] | range, key: object) -> object:
    if isinstance(key, int) and not isinstance(key, bool):
        return value[key] if -len(value) <= key < len(value) else None
    if key == "size":
        return len(value)
    if value and key in ("first", "last"):
        return value[0 if key == "first" else -1]
    return None
