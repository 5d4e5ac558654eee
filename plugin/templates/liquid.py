"""Liquid as templates may use it: limits on everything that could run away, and our filters."""

from collections.abc import Mapping

from liquid import BoundTemplate, Environment, RenderContext
from liquid.filter import with_context

from plugin.money import currency_of, format_money
from plugin.templates.shopify_liquid.context import MailContext, PlainContext
from plugin.templates.shopify_liquid.filters import FILTERS
from plugin.templates.shopify_liquid.tags import TAGS
from plugin.templates.shopify_liquid.values import to_items, to_text

MAX_PART_BYTES = 1_000_000  # of the HTML of a mail, or of its text


@with_context
def money(value: object, currency: object = None, *, context: RenderContext) -> str:
    """Minor units as an amount in the shopper's language: `{{ 3800 | money }}` is $38.00.

    Without a currency it is the amount's own, or else the shop's.
    """
    named = to_text(currency) or currency_of(value)
    code = named or to_text(_find(context, "shop", "currency")) or "USD"
    return format_money(value, code, to_text(_find(context, "locale")) or "en")


@with_context
def label(value: object, name: object, *, context: RenderContext) -> str:
    """A property's value in the shopper's words: `{{ person.properties.skin | label: "skin" }}`."""
    words = _find(context, "labels", to_text(name))
    labels: Mapping[str, object] = words if isinstance(words, Mapping) else {}
    texts = (to_text(each) for each in to_items(value) if each is not None)
    return ", ".join(to_text(labels.get(text, text)) for text in texts)


class MailTemplate(BoundTemplate):
    """A part of a mail that is HTML."""

    context_class = MailContext

    def render_until(self, until: float, values: Mapping[str, object]) -> str:
        """This part with its values put in, by the `time_limit` of its mail.

        Raises:
            LiquidError: the limit was reached, or another one.
        """
        context = self.context_class(self, globals=self.make_globals(values), until=until)
        buffer = self._get_buffer()
        self.render_with_context(context, buffer)
        return buffer.getvalue()


class _PlainTemplate(MailTemplate):
    context_class = PlainContext


class _Limited(Environment):
    """A template that nests or writes without end stops at these; at others in its context."""

    output_stream_limit = MAX_PART_BYTES
    context_depth_limit = 10


def parse(text: str, *, escaped: bool) -> MailTemplate:
    """A template of this text; `escaped` when its output is HTML.

    Raises:
        LiquidError: it is not Liquid.
    """
    found = (_html if escaped else _text).from_string(text)
    assert isinstance(found, MailTemplate)
    return found


def unknown_filters(template: BoundTemplate) -> list[str]:
    """Return the unknown filters of a template; Liquid itself finds them only when it renders."""
    return sorted(set(template.analyze().filters) - set(template.env.filters))


def says_labels(template: BoundTemplate) -> bool:
    """Whether a template shows values of properties in words."""
    return "label" in template.analyze().filters


def _find(context: RenderContext, *path: str) -> object:
    found: object = context.globals
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _environment(template_class: type[BoundTemplate]) -> Environment:
    # What is marked as HTML (`Markup`) is told from what is not in both parts of a mail, so that
    # both say the same: the plain one writes it without its markup.
    made = _Limited(autoescape=True)
    made.template_class = template_class
    made.filters = {**FILTERS, "money": money, "label": label}
    for tag in TAGS:
        made.add_tag(tag)
    for name in ("include", "render", "extends", "block"):
        made.tags.pop(name, None)  # there is nothing to include
    return made


_html, _text = _environment(MailTemplate), _environment(_PlainTemplate)
