"""Liquid as templates may use it: limits on everything that could run away, and our filters."""

from collections.abc import Mapping
from typing import Any

from babel import UnknownLocaleError
from babel.core import Locale
from babel.numbers import format_currency, get_currency_precision
from liquid import BoundTemplate, Environment
from liquid.context import RenderContext
from liquid.filter import with_context


class _Limited(Environment):
    """A template that loops, nests or grows without end stops at these."""

    loop_iteration_limit = 10_000
    output_stream_limit = 1_000_000
    local_namespace_limit = 1_000_000
    context_depth_limit = 10


@with_context
def money(value: object, currency: object = None, *, context: RenderContext) -> str:
    """Minor units as an amount in the shopper's language: `{{ 3800 | money }}` is $38.00."""
    code = str(currency or _find(context, "shop", "currency") or "USD")
    return format_money(value, code, str(_find(context, "locale") or "en"))


@with_context
def label(value: object, name: object, *, context: RenderContext) -> str:
    """A property's value in the shopper's words: `{{ person.properties.skin | label: "skin" }}`."""
    words = _find(context, "labels", str(name)) or {}
    many = value if isinstance(value, list) else [value]
    return ", ".join(str(words.get(str(each), each)) for each in many if each is not None)


def format_money(minor: object, currency: str, locale: str) -> str:
    """An amount in minor units, written for a locale: 3800 USD is $38.00, 3800 JPY is ¥3,800."""
    try:
        amount = int(str(minor)) / 10 ** get_currency_precision(currency)
    except ValueError:
        return ""
    return str(format_currency(amount, currency, locale=babel_locale(locale)))


def babel_locale(locale: str) -> Locale:
    """Babel's locale for a BCP 47 tag; English when it knows none."""
    try:
        return Locale.parse(locale, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")


def parse(text: str, *, escaped: bool) -> BoundTemplate:
    """A template of this text; `escaped` when its output is HTML.

    Raises:
        LiquidError: it is not Liquid.
    """
    return (_html if escaped else _text).from_string(text)


def unknown_filters(template: BoundTemplate) -> list[str]:
    """Return the unknown filters of a template; Liquid itself finds them only when it renders."""
    return sorted(set(template.analyze().filters) - set(template.env.filters))


def says_labels(template: BoundTemplate) -> bool:
    """Whether a template shows values of properties in words."""
    return "label" in template.analyze().filters


def _find(context: RenderContext, *path: str) -> Any:
    found: Any = context.globals
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _environment(*, autoescape: bool) -> Environment:
    made = _Limited(autoescape=autoescape)
    made.add_filter("money", money)
    made.add_filter("label", label)
    for tag in ("include", "render", "extends", "block"):
        made.tags.pop(tag, None)  # there is nothing to include
    return made


_html, _text = _environment(autoescape=True), _environment(autoescape=False)
