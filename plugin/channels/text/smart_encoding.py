"""Write typographic signs as plain ones where that makes a text GSM-7, and so shorter.

One curly apostrophe more than halves what fits into a segment. Letters are never changed, so that
names stay; and neither are links, codes and names that were filled in.
"""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from plugin.channels.text.segments import normalise_text, signs_beyond_gsm

_SPACES = "\t\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u202f\u205f\u3000"
# Soft hyphens, joiners, marks of direction, variation selectors, byte order marks.
_UNSEEN = "\u00ad\u2060\ufe0e\ufe0f\ufeff" + "".join(
    map(chr, (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
_APOSTROPHES = "`´‘’‚‛′‵"
_QUOTES = "“”„‟″‶«»〝〞"
_DASHES = "‐‑‒–—―−⁃"
PLAIN_SIGNS: dict[str, str] = {
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys(_UNSEEN, ""),
    **dict.fromkeys(_APOSTROPHES, "'"),
    **dict.fromkeys(_QUOTES, '"'),
    **dict.fromkeys(_DASHES, "-"),
    "‹": "<", "›": ">", "…": "...", "•": "-", "\u2028": "\n", "\u2029": "\n", "⁄": "/", "∕": "/",
    "⁎": "*", "∗": "*", "‼": "!!", "⁇": "??", "⁈": "?!", "⁉": "!?",
}  # fmt: skip
_LINK = r"https?://\S+"


@dataclass(frozen=True, slots=True)
class SignChange:
    """A sign, the plain one in its place, and how often."""

    sign: str
    plain: str
    times: int


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text as it would be sent, and what was changed in it for that."""

    text: str
    changes: tuple[SignChange, ...] = ()


def encode_smartly(text: str, kept: Collection[str] = ()) -> EncodedText:
    """Return a text with plain signs if that makes all of it GSM-7, else with its own.

    `kept` is what was filled in and must not change: names, codes.
    """
    composed = normalise_text(text)
    if not signs_beyond_gsm(composed):
        return EncodedText(composed)
    changed: Counter[str] = Counter()
    pieces = _fixed(kept).split(composed)
    for place in range(0, len(pieces), 2):  # a piece that is kept stands between two others
        changed.update(sign for sign in pieces[place] if sign in PLAIN_SIGNS)
        pieces[place] = "".join(PLAIN_SIGNS.get(sign, sign) for sign in pieces[place])
    plain = "".join(pieces)
    if signs_beyond_gsm(plain):
        return EncodedText(composed)
    said = (SignChange(sign, PLAIN_SIGNS[sign], times) for sign, times in changed.items())
    return EncodedText(plain, tuple(said))


def _fixed(kept: Collection[str]) -> re.Pattern[str]:
    words = sorted({normalise_text(word) for word in kept if word}, key=len, reverse=True)
    return re.compile("(" + "|".join([*map(re.escape, words), _LINK]) + ")")
