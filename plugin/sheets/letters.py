"""Tell old encodings apart by the letters that a text would have in each.

Any bytes are a text in several of them, but only in the right one are its letters those of everyday
use: the Hangul of KS X 1001, the level one of GB 2312, of Big5 and of JIS X 0208 with its kana.
"""

import re
from collections.abc import Sequence

WESTERN, MACINTOSH, CYRILLIC = "windows-1252", "mac_roman", "windows-1251"
KOREAN, CHINESE = "cp949", "gb18030"
# Of each encoding: its everyday letters, and any other; signs between them say nothing.
_PAIRS = {
    KOREAN: (rb"[\xa1-\xa3][\xa1-\xfe]", rb"[\xb0-\xc8][\xa1-\xfe]", rb"[\x81-\xfe][\x41-\xfe]"),
    CHINESE: (
        rb"[\xa1-\xa3][\xa1-\xfe]",
        rb"[\xb0-\xd7][\xa1-\xfe]",
        rb"[\x81-\xfe][\x30-\x39][\x81-\xfe][\x30-\x39]|[\x81-\xfe][\x40-\xfe]",
    ),
    "cp950": (
        rb"[\xa1-\xa3][\x40-\xfe]",
        rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]",
        rb"[\x81-\xfe][\x40-\x7e\xa1-\xfe]",
    ),
    "cp932": (
        rb"\x81[\x40-\xfc]",
        rb"\x82[\x9f-\xf1]|\x83[\x40-\x96]|[\x88-\x97][\x40-\xfc]|\x98[\x40-\x72]",
        rb"[\x81-\x9f\xe0-\xfc][\x40-\xfc]",
    ),
}
_RUNS = {
    encoding: re.compile(b"(?:%b|%b|%b|[\x80-\xff])+" % parts, re.DOTALL)
    for encoding, parts in _PAIRS.items()
}
_LETTERS = {
    encoding: re.compile(b"(?P<sign>%b)|(?P<letter>%b)|%b|[\x80-\xff]" % parts, re.DOTALL)
    for encoding, parts in _PAIRS.items()
}
_WORDS = re.compile(rb"[\xa8\xaa\xaf\xb2\xb3\xb4\xb8\xba\xbf\xc0-\xff]{3,}")  # of Cyrillic letters
_HIGH = re.compile(rb"[\x80-\xff]")
MIN_SHARE = 0.6  # of a text's letters that are of everyday use
MIN_HANGUL = 6  # letters; fewer may be Chinese ones of the first half of the alphabet


def guess_encoding(lines: Sequence[bytes], *, is_macintosh: bool = False) -> str:
    """The encoding of lines that hold letters beyond ASCII and are not UTF-8."""
    text = b"\n".join(lines)
    shares = {encoding: _share(text, encoding) for encoding in _PAIRS if _fits(lines, encoding)}
    best = max(shares, key=lambda encoding: shares[encoding], default=WESTERN)
    if best == KOREAN and shares.get(CHINESE) == shares[KOREAN]:
        best = KOREAN if len(_HIGH.findall(text)) >= 2 * MIN_HANGUL else CHINESE
    if shares.get(best, 0) >= MIN_SHARE:
        return best
    if sum(map(len, _WORDS.findall(text))) >= MIN_SHARE * len(_HIGH.findall(text)):
        return CYRILLIC
    return MACINTOSH if is_macintosh else WESTERN


def _fits(lines: Sequence[bytes], encoding: str) -> bool:
    return 2 * sum(is_in(line, encoding) for line in lines) >= len(lines)


def is_in(line: bytes, encoding: str) -> bool:
    """Whether bytes are a text in an encoding."""
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _share(text: bytes, encoding: str) -> float:
    """How many of a text's letters are of everyday use in an encoding; none in the middle of a
    Latin word is.
    """
    good = total = 0
    for run in _RUNS[encoding].finditer(text):
        around = text[run.start() - 1 : run.start()] + text[run.end() : run.end() + 1]
        in_word = any(chr(byte).isalpha() and byte < 128 for byte in around)
        found = [m for m in _LETTERS[encoding].finditer(run[0]) if not m["sign"]]
        total += len(found)
        good += 0 if in_word else sum(m["letter"] is not None for m in found)
    return good / total if total else 0.0
