"""Shield Liquid tags from an HTML tool: every tag comes out where it was.

HTML parsers move text out of tables (the body of a `{% for %}` leaves its loop) and escape what
stands in attributes, so a tag travels as a word, or as a comment where text may not stand.
"""

import re
from collections.abc import Callable

LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
# What is not text between elements: comments, tags, and elements that hold no elements.
_MARKUP = re.compile(r"<!--.*?-->|<(title|style)\b.*?</\1>|<[^>]*>", re.DOTALL)


class LiquidShield:
    """The tags of one text; `hide` gives words for them, `show` gives them back."""

    def __init__(self, source: str) -> None:
        self._mark = "lqx"
        while self._mark in source:
            self._mark += "x"
        self._tags: list[str] = []
        self._word = re.compile(rf"{self._mark}(\d+)z")

    def hide(self, text: str) -> str:
        """The text with a plain word for each tag."""

        def word(match: re.Match[str]) -> str:
            self._tags.append(match[0])
            return f"{self._mark}{len(self._tags) - 1}z"

        return LIQUID.sub(word, text)

    def as_comments(self, html: str) -> str:
        """Return HTML with the words between elements as comments, which parsers leave in place."""
        pieces, end = [], 0
        for markup in _MARKUP.finditer(html):
            pieces += [self._commented(html[end : markup.start()]), markup[0]]
            end = markup.end()
        return "".join([*pieces, self._commented(html[end:])])

    def show(self, text: str) -> str:
        """The text with its tags again."""
        uncovered = re.sub(rf"<!--({self._word.pattern})-->", r"\1", text)
        return self._word.sub(lambda match: self._tags[int(match[1])], uncovered)

    def _commented(self, text: str) -> str:
        return self._word.sub(lambda match: f"<!--{match[0]}-->", text)


def map_outside_tags(text: str, change: Callable[[str], str]) -> str:
    """Change a text, all but its tags."""
    shield = LiquidShield(text)
    return shield.show(change(shield.hide(text)))


def liquid_tags(text: str) -> list[str]:
    """The tags of a text, in order."""
    return LIQUID.findall(text)
