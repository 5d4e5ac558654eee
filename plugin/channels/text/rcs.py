"""Count what a message costs by RCS: its bytes in UTF-8 decide."""

from dataclasses import dataclass
from enum import StrEnum

PART_BYTES = 160
# Where each 160 bytes cost as one message (Twilio's calculator, sms-segments-calculator 1.3.0);
# elsewhere a message costs by its kind.
BY_PARTS = frozenset(("US",))


class RcsKind(StrEnum):
    """What a message is billed as."""

    BASIC = "basic"  # text of 160 bytes at most
    SINGLE = "single"  # longer text
    RICH = "rich"  # with a picture, a card or suggestions, and each of the US


@dataclass(frozen=True, slots=True)
class RcsCount:
    """The size of a message."""

    kind: RcsKind
    size_bytes: int
    parts: int


def count_rcs(text: str, country: str, *, is_rich: bool = False) -> RcsCount:
    """Count a message to a number of a country (ISO 3166-1), as it is sent.

    It is rich with a picture, a card or suggestions. One without text is one part.
    """
    size = len(text.encode(errors="surrogatepass"))
    if country in BY_PARTS:
        return RcsCount(RcsKind.RICH, size, max(1, -(-size // PART_BYTES)))
    if is_rich:
        return RcsCount(RcsKind.RICH, size, 1)
    return RcsCount(RcsKind.BASIC if size <= PART_BYTES else RcsKind.SINGLE, size, 1)
