"""The variables of one mail, looked up as Ruby's Liquid does (`Liquid::VariableLookup`)."""

from collections.abc import Callable, Mapping

from liquid import BoundTemplate, RenderContext, Token, is_undefined
from liquid.exceptions import LocalNamespaceLimitError, ResourceLimitError
from liquid.undefined import UNDEFINED
from liquid.utils import ReadOnlyChainMap
from markupsafe import escape

from plugin.templates.shopify_liquid import limits
from plugin.templates.shopify_liquid.values import to_plain_text, to_shown


class Addresses:
    """The numbered links of a mail: `{{ links[2] }}` is what this gives for 2."""

    __slots__ = ()

    def at(self, number: int, context: "MailContext") -> str:
        """The address to show, in the place where it stands."""
        raise NotImplementedError


class MailContext(RenderContext):
    """Variables, of which those that there are not are nothing. The time is ours: no `today`."""

    __slots__ = ("_rounds", "_until", "_weights", "is_plain")

    starts_plain = False

    def __init__(
        self, template: BoundTemplate, *, until: float | None = None, **options: object
    ) -> None:
        super().__init__(template, **options)  # type: ignore[arg-type]
        self._until = limits.time_limit() if until is None else until
        self._rounds = 0
        self._weights: dict[str, int] = {}  # of each name that the template gives
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)
        self.is_plain = self.starts_plain

    def show(self, value: object) -> str:
        """A value as it is written here: escaped in HTML, without markup in plain text."""
        shown = to_shown(value)
        return to_plain_text(shown) if self.is_plain else escape(shown)

    def check_time(self) -> None:
        """See that this mail has not had its time yet.

        Raises:
            TemplateTooSlowError: it has.
        """
        limits.check_time(self._until)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        """A filter that takes and gives no more than a mail may hold."""
        self.check_time()
        run = super().filter(name, token)

        def within_limits(*values: object, **named: object) -> object:
            try:
                for value in (*values, *named.values()):
                    limits.weigh(value)
                made = run(*values, **named)
                limits.weigh(made)
            except ResourceLimitError as error:
                error.token = error.token or token
                raise
            return made

        return within_limits

    def assign(self, key: str, val: object) -> None:
        """Give a value a name; all of them together hold no more than a mail may.

        Raises:
            LocalNamespaceLimitError: they do.
        """
        self.check_time()
        self._weights[key] = limits.weigh(val)
        if sum(self._weights.values()) > limits.MAX_NAMED_CHARS:
            raise LocalNamespaceLimitError("its variables hold too much", token=None)
        self.locals[key] = val

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Count the rounds of a loop that begins.

        Raises:
            LoopIterationLimitError: with those before, there are too many.
        """
        self._rounds += length
        limits.check_rounds(self._rounds)

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
