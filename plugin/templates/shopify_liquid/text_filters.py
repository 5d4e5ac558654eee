"""Filters of texts. What is marked as HTML (`Markup`) stays marked, and its other parts are escaped
when they are added; what is decoded or stripped of markup is plain, so that it is escaped again.
"""

import base64
import html
import re
from urllib.parse import quote_plus, unquote_plus

from liquid import Environment
from liquid.builtin.filters import extra
from liquid.filter import with_environment
from markupsafe import Markup

from plugin.templates.shopify_liquid.limits import check_items, check_length
from plugin.templates.shopify_liquid.values import (
    to_integer,
    to_plain_text,
    to_text,
    without_spans,
)

SPACE = " \t\n\v\f\r\0"  # what Ruby's strip takes away
_SPACES = re.compile(f"[{SPACE}]+")
_LINE_END = re.compile(r"\r?\n")
_ESCAPES = {"&": "&amp;", ">": "&gt;", "<": "&lt;", '"': "&quot;", "'": "&#39;"}
_ESCAPED_ONCE = re.compile(r"[\"><']|&(?!([a-zA-Z]+|(#\d+));)", re.ASCII)
_BLOCK_BEGIN = re.compile(r"<script|<!--|<style")
_BLOCK_ENDS = {"<script": "</script>", "<!--": "-->", "<style": "</style>"}
_TAG_BEGIN = re.compile("<")


def append(value: object, other: object) -> str:
    """`append`."""
    return _together(to_text(value), to_text(other))


def prepend(value: object, other: object) -> str:
    """`prepend`."""
    return _together(to_text(other), to_text(value))


def capitalize(value: object) -> str:
    """`capitalize`: the first letter large, the others small."""
    return to_text(value).capitalize()


def downcase(value: object) -> str:
    """`downcase`."""
    return to_text(value).lower()


def upcase(value: object) -> str:
    """`upcase`."""
    return to_text(value).upper()


def strip(value: object) -> str:
    """`strip`."""
    return to_text(value).strip(SPACE)


def lstrip(value: object) -> str:
    """`lstrip`."""
    return to_text(value).lstrip(SPACE)


def rstrip(value: object) -> str:
    """`rstrip`."""
    return to_text(value).rstrip(SPACE)


def squish(value: object) -> str:
    """`squish`: one space between words, none around them."""
    text = to_text(value)
    return _like(text, " ".join(text.split()))


def replace(value: object, old: object, new: object = "") -> str:
    """`replace`."""
    text, sought, put = to_text(value), to_text(old), to_text(new)
    check_length(len(text) + text.count(sought) * len(put))
    if isinstance(put, Markup) and sought and not isinstance(text, Markup):
        return put.join(text.split(sought))
    return text.replace(sought, put)


def replace_first(value: object, old: object, new: object = "") -> str:
    """`replace_first`."""
    text, sought = to_text(value), to_text(old)
    return text if (at := text.find(sought)) < 0 else _put(text, at, len(sought), to_text(new))


def replace_last(value: object, old: object, new: object = "") -> str:
    """`replace_last`."""
    text, sought = to_text(value), to_text(old)
    return text if (at := text.rfind(sought)) < 0 else _put(text, at, len(sought), to_text(new))


def remove(value: object, part: object) -> str:
    """`remove`."""
    return to_text(value).replace(to_text(part), "")


def remove_first(value: object, part: object) -> str:
    """`remove_first`."""
    return replace_first(value, part)


def remove_last(value: object, part: object) -> str:
    """`remove_last`."""
    return replace_last(value, part)


def slice_(value: object, start: object, length: object = None) -> object:
    """`slice`: so many letters of a text, or items of a list; one of them, unless it is said."""
    items = value if isinstance(value, list | tuple) else to_text(value)
    first, count = to_integer(start, 0), to_integer(length, 1)
    first = first + len(items) if first < 0 else first
    if first < 0 or count < 0:
        return [] if isinstance(value, list | tuple) else ""
    return items[first : first + count]


def truncate(value: object, length: object = None, ellipsis: object = "...") -> str:
    """`truncate`: at most so many letters, the ellipsis among them."""
    text, end, most = to_text(value), to_text(ellipsis), to_integer(length, 50)
    return text if len(text) <= most else text[: max(most - len(end), 0)] + end


def truncatewords(value: object, count: object = None, ellipsis: object = "...") -> str:
    """`truncatewords`: at most so many words, and at least one."""
    text, most = to_text(value), max(to_integer(count, 15), 1)
    words = _words(text)
    return text if len(words) <= most else _like(text, " ".join(words[:most])) + to_text(ellipsis)


def split(value: object, separator: object) -> list[str]:
    """`split`: empty parts at the end are dropped."""
    text, between = to_text(value), to_text(separator)
    check_items(text.count(between))
    if between == " ":
        parts = [_like(text, word) for word in _words(text)]
    else:
        parts = text.split(between) if between else [text[at : at + 1] for at in range(len(text))]
    while parts and not parts[-1]:
        parts.pop()
    return parts


def newline_to_br(value: object) -> str:
    """`newline_to_br`."""
    text = to_text(value)
    return Markup("<br />\n").join(_like(text, line) for line in _LINE_END.split(text))


def strip_newlines(value: object) -> str:
    """`strip_newlines`."""
    text = to_text(value)
    return _like(text, _LINE_END.sub("", text))


def strip_html(value: object) -> str:
    """`strip_html`: the words alone, their entities as the letters that they stand for."""
    text = without_spans(_raw(value), _BLOCK_BEGIN, _BLOCK_ENDS)
    return html.unescape(without_spans(text, _TAG_BEGIN, {}, ">"))


def escape(value: object) -> str:
    """`escape`: the text as HTML, which a plain-text part shows as it was."""
    return Markup("".join(_ESCAPES.get(letter, letter) for letter in _raw(value)))


def escape_once(value: object) -> str:
    """`escape_once`: as `escape`, but for what is escaped already."""
    return Markup(_ESCAPED_ONCE.sub(lambda found: _ESCAPES[found[0]], _raw(value)))


@with_environment
def escapejs(value: object, *, environment: Environment) -> str:
    """`escapejs`, which is python-liquid's: a text for JavaScript's quotes."""
    return str(extra.escapejs(to_text(value), environment=environment))


def safe(value: object) -> str:
    """`safe`, which is python-liquid's: HTML that the merchant vouches for."""
    return Markup(to_text(value))


def url_encode(value: object) -> str:
    """`url_encode`."""
    return quote_plus(to_plain_text(to_text(value)))


def url_decode(value: object) -> str:
    """`url_decode`."""
    return unquote_plus(to_plain_text(to_text(value)))


def base64_encode(value: object) -> str:
    """`base64_encode`."""
    return base64.b64encode(to_plain_text(to_text(value)).encode()).decode()


def base64_decode(value: object) -> str:
    """`base64_decode`: bytes that are no UTF-8 stand as �."""
    return _decode_base64(_raw(value), "+/")


def base64_url_safe_encode(value: object) -> str:
    """`base64_url_safe_encode`."""
    return base64.urlsafe_b64encode(to_plain_text(to_text(value)).encode()).decode()


def base64_url_safe_decode(value: object) -> str:
    """`base64_url_safe_decode`: bytes that are no UTF-8 stand as �."""
    text = _raw(value)
    return _decode_base64(text + "=" * (-len(text) % 4), "-_")


def _decode_base64(text: str, others: str) -> str:
    decoded = base64.b64decode(text, altchars=others.encode(), validate=True)
    return decoded.decode(errors="replace")


def _raw(value: object) -> str:
    return str(to_text(value))


def _words(text: str) -> list[str]:
    return [word for word in _SPACES.split(text) if word]


def _put(text: str, at: int, length: int, new: str) -> str:
    return text[:at] + new + text[at + length :]


def _together(left: str, right: str) -> str:
    check_length(len(left) + len(right))
    return left + right


def _like(text: str, made: str) -> str:
    return Markup(made) if isinstance(text, Markup) else made
