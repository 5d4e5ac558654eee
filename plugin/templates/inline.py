"""Read the markup inside a merchant's text: `**bold**` and `[words](address)`, as CommonMark 0.31
does (6.2, 6.3).

Liquid is hidden before (`liquid_shield.py`), so what it prints is never markup.
"""

from bisect import bisect_left
from dataclasses import dataclass

STARS = "**"


@dataclass(frozen=True, slots=True)
class Words:
    """A text as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Bold:
    """What stands between two pairs of asterisks."""

    parts: "list[Part]"


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead to an address."""

    parts: "list[Part]"
    address: str


Part = Words | Bold | Link


def read_inline(text: str) -> list[Part]:
    """A text as its parts, in order. The time it takes grows with the text, whatever it holds."""
    links = _links(text)
    bolds = _bolds(text, links)
    parts: list[Part] = []
    plain = at = 0
    for start in sorted(links.keys() | bolds.keys()):
        if start < at:
            continue  # within what was read already
        if plain < start:
            parts.append(Words(text[plain:start]))
        if start in links:
            words_end, at = links[start]
            words = read_inline(text[start + 1 : words_end])
            parts.append(Link(words, text[words_end + 2 : at - 1].strip()))
        else:
            at = bolds[start]
            parts.append(Bold(read_inline(text[start + len(STARS) : at - len(STARS)])))
        plain = at
    if plain < len(text):
        parts.append(Words(text[plain:]))
    return parts


def _links(text: str) -> dict[int, tuple[int, int]]:
    """Where links begin, where their words end, and where they end. No link stands in another's
    words: the inner one is the link.
    """
    words, addresses = _pairs(text, "[]"), _pairs(text, "()")
    found: dict[int, tuple[int, int]] = {}
    nearest = len(text)
    for start in sorted(words, reverse=True):
        end = words[start]
        closed = addresses.get(end + 1)
        if closed is None or end == start + 1 or nearest < end:
            continue
        address = text[end + 2 : closed].strip()
        if address and not any(map(str.isspace, address)):
            found[start] = end, closed + 1
            nearest = start
    return found


def _bolds(text: str, links: dict[int, tuple[int, int]]) -> dict[int, int]:
    """Where bold words begin and end: on one line, with no space after the first asterisks and none
    before the last.
    """
    marks = _marks(text, links)
    closing = [at for at in marks if at and not text[at - 1].isspace()]
    found: dict[int, int] = {}
    for start in marks:
        inner = start + len(STARS)
        if text[inner : inner + 1].isspace():
            continue
        place = bisect_left(closing, inner + 1)
        if place < len(closing) and "\n" not in text[inner : closing[place]]:
            found[start] = closing[place] + len(STARS)
    return found


def _marks(text: str, links: dict[int, tuple[int, int]]) -> list[int]:
    """Where two asterisks stand that are not part of a link."""
    ends = {start: end for start, (_, end) in links.items()}
    marks, at = [], 0
    while at < len(text):
        if at in ends:
            at = ends[at]
        elif text.startswith(STARS, at):
            marks.append(at)
            at += len(STARS)
        else:
            at += 1
    return marks


def _pairs(text: str, pair: str) -> dict[int, int]:
    """Where each bracket is closed that is."""
    opened: list[int] = []
    found: dict[int, int] = {}
    for place, letter in enumerate(text):
        if letter == pair[0]:
            opened.append(place)
        elif letter == pair[1] and opened:
            found[opened.pop()] = place
    return found
