"""Find where a text divides into signs, as the eye sees them: Unicode's grapheme clusters (UAX 29).

A letter with its accents, a syllable of Hindi or Korean, a flag, a family: each is one.
"""

import unicodedata
from collections.abc import Iterator
from enum import Enum, auto
from functools import lru_cache

JOINER = "\u200d"
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)
# UAX 29 has these beside the marks: non-joiner, and the marks of half-width Japanese.
_ALSO_EXTENDING = frozenset("\u200c\uff9e\uff9f")
# Vowels of Thai and Lao that are letters, and yet belong to the letter before them.
_SPACING_LETTERS = frozenset("\u0e33\u0eb3")
# Hangul that begins, carries and ends a syllable (Unicode, chapter 3.12).
_FIRST, _VOWEL, _LAST = range(0x1100, 0x1160), range(0x1160, 0x11A8), range(0x11A8, 0x1200)
_SYLLABLES = range(0xAC00, 0xD7A4)
_SYLLABLES_A_VOWEL = 28


class Kind(Enum):
    """What a character does at the end of a cluster."""

    OTHER = auto()
    CONTROL = auto()
    EXTENDING = auto()
    JOINING = auto()
    FLAG_LETTER = auto()
    PICTURE = auto()
    FIRST = auto()
    VOWEL = auto()
    LAST = auto()
    OPEN_SYLLABLE = auto()
    CLOSED_SYLLABLE = auto()


_CONTROLS = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_MARKS = frozenset(("Mn", "Me", "Mc"))
_JOINED = {
    Kind.FIRST: {Kind.FIRST, Kind.VOWEL, Kind.OPEN_SYLLABLE, Kind.CLOSED_SYLLABLE},
    Kind.VOWEL: {Kind.VOWEL, Kind.LAST},
    Kind.OPEN_SYLLABLE: {Kind.VOWEL, Kind.LAST},
    Kind.LAST: {Kind.LAST},
    Kind.CLOSED_SYLLABLE: {Kind.LAST},
}


def divide_clusters(text: str) -> Iterator[int]:
    """Yield where each sign of a text begins, and where the text ends."""
    before, flag_letters, after_picture = Kind.CONTROL, 0, False
    for place, character in enumerate(text):
        kind = kind_of(character)
        joined = _is_joined(before, kind, flag_letters=flag_letters, after_picture=after_picture)
        if not joined:
            yield place
        flag_letters = flag_letters + 1 if kind == Kind.FLAG_LETTER else 0
        if kind not in (Kind.EXTENDING, Kind.JOINING):
            after_picture = kind == Kind.PICTURE
        before = kind
    yield len(text)


def _is_joined(before: Kind, kind: Kind, *, flag_letters: int, after_picture: bool) -> bool:
    if before == Kind.CONTROL or kind == Kind.CONTROL:
        return False
    if kind in (Kind.EXTENDING, Kind.JOINING):
        return True
    if kind == Kind.PICTURE:
        return before == Kind.JOINING and after_picture
    if kind == Kind.FLAG_LETTER:
        return flag_letters % 2 == 1
    return kind in _JOINED.get(before, ())


@lru_cache(4096)
def kind_of(character: str) -> Kind:
    """What a character does."""
    if character == JOINER:
        return Kind.JOINING
    if character in _ALSO_EXTENDING or character in _SPACING_LETTERS:
        return Kind.EXTENDING
    code, category = ord(character), unicodedata.category(character)
    if category in _MARKS or code in _SKIN_TONES or code in _TAGS:
        return Kind.EXTENDING
    if category in _CONTROLS:
        return Kind.CONTROL
    if code in _FLAG_LETTERS:
        return Kind.FLAG_LETTER
    if category == "So" or code in (0x203C, 0x2049):
        return Kind.PICTURE
    return _hangul(code)


def _hangul(code: int) -> Kind:
    if code in _SYLLABLES:
        is_open = (code - _SYLLABLES.start) % _SYLLABLES_A_VOWEL == 0
        return Kind.OPEN_SYLLABLE if is_open else Kind.CLOSED_SYLLABLE
    for kind, codes in ((Kind.FIRST, _FIRST), (Kind.VOWEL, _VOWEL), (Kind.LAST, _LAST)):
        if code in codes:
            return kind
    return Kind.OTHER
