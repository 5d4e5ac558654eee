"""Count the segments that a text takes by SMS: what a carrier bills.

3GPP TS 23.038 has the alphabet of 7 bits and its extension, TS 23.040 the header that joins the
segments of a longer text. Units decide, not characters.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from plugin.channels.text.clusters import divide_clusters
from plugin.errors import RegularsError

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"  # each stands behind an escape
UNITS = dict.fromkeys(_BASIC, 1) | dict.fromkeys(_EXTENSION, 2)


class Encoding(StrEnum):
    """How the characters of a text are sent."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


ALONE_UNITS = {Encoding.GSM_7: 160, Encoding.UCS_2: 70}
# Of more than one each loses 6 octets to the header.
JOINED_UNITS = {Encoding.GSM_7: 153, Encoding.UCS_2: 67}


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """The size of a text.

    Providers count more where they keep together what is one sign to the eye, such as a family or a
    letter with its accent: a price that is named before sending is that of `priced_segments`.
    """

    encoding: Encoding
    units: int
    segments: int
    priced_segments: int


def normalise_text(text: str) -> str:
    """Compose letters and their accents, and end lines by LF alone: fewer units, the same text."""
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")


def count_segments(text: str) -> SegmentCount:
    """Count a text as it is sent: with its links, its prefix and its sentence on stopping.

    Raises:
        RegularsError: it is empty (422).
    """
    if not text:
        raise RegularsError("This text is empty. Write what it should say.", 422)
    if UNITS.keys() >= set(text):
        widths = [UNITS[character] for character in text]
        parts = count_parts(widths, Encoding.GSM_7)
        return SegmentCount(Encoding.GSM_7, sum(widths), parts, parts)
    widths = [_pair_units(character) for character in text]
    parts = count_parts(widths, Encoding.UCS_2)
    whole = count_parts([*_cluster_units(text, widths)], Encoding.UCS_2)
    return SegmentCount(Encoding.UCS_2, sum(widths), parts, max(parts, whole))


def signs_beyond_gsm(text: str) -> tuple[str, ...]:
    """Return each sign for which a text can't be sent as GSM-7, in their order."""
    return tuple(character for character in dict.fromkeys(text) if character not in UNITS)


def count_parts(widths: Sequence[int], encoding: Encoding) -> int:
    """Fill segments one by one: what belongs together stays in one of them."""
    if sum(widths) <= ALONE_UNITS[encoding]:
        return 1
    parts, room = 1, JOINED_UNITS[encoding]
    for width in widths:
        if width > room:
            parts, room = parts + 1, JOINED_UNITS[encoding]
        room -= width
    return parts


def _pair_units(character: str) -> int:
    """A character beyond the first plane is a pair of surrogates."""
    return 1 if character <= "\uffff" else 2


def _cluster_units(text: str, widths: Sequence[int]) -> Iterator[int]:
    for start, end in pairwise(divide_clusters(text)):
        yield sum(widths[start:end])
