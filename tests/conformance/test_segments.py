"""Two other counts of segments are as ours: Twilio's calculator, and smsutil."""

import random

import smsutil

from plugin.channels.text.clusters import divide_clusters
from plugin.channels.text.rcs import count_rcs
from plugin.channels.text.segments import Encoding, count_segments
from tests.conformance.tools import Tools

TEXTS, SEED = 10_000, 20261129
LATIN = [*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,!?-:/%&@$£¥_"]
GSM = [*LATIN, *"éèàùìòÄÖÜäöüßñÑÇØøÅåÆæΔΩΨ¿¡§¤€^{}[]~|\\", "\n", "\r", "\r\n", "\f"]
CURLY = [*LATIN, *"’‘“”–—…•«»\u00a0\u202f\t`´"]
ACCENTS = [*LATIN, "e\u0301", "n\u0303", "a\u0308", "u\u0302\u0323", *"çêáãõůžšğ"]
SCRIPTS = [
    *"дабвгЖЩ", *"全场八折今日限定退订", *"あいうえおカキク", *"עברית", *"عرضاليوم", *"สินค้าลด",
    "क्षि", "ति", "नी", "हाँ", "தமி", "한", "국", "어", "각\u1100\u1161\u11a8", "\uff76\uff9e",
]  # fmt: skip
EMOJI = [
    *"😀🎉🔥✨☀★", "❤️", "👍🏽", "👋🏿", "👨‍👩‍👧‍👦", "👩‍❤️‍👨", "👩‍🚀", "👨‍🍳", "🏳️‍🌈", "🇩🇪", "🇺🇸", "1️⃣",
]  # fmt: skip
ALPHABETS = (
    LATIN, GSM, CURLY, ACCENTS, SCRIPTS, EMOJI, LATIN + EMOJI, GSM + SCRIPTS, SCRIPTS + EMOJI,
)  # fmt: skip


def texts() -> list[str]:
    """Texts of every script, many of them as long as one more unit would be a segment more."""
    chance = random.Random(SEED)
    limits = [1, 30, 66, 67, 68, 70, 71, 134, 135, 153, 160, 161, 201, 306, 307, 459, 700]
    found = []
    for _ in range(TEXTS):
        alphabet, length = chance.choice(ALPHABETS), chance.choice(limits)
        signs = [chance.choice(alphabet) for _ in range(max(1, length - chance.randrange(4)))]
        if chance.random() < 0.3:  # one sign of another kind, somewhere
            signs[chance.randrange(len(signs))] = chance.choice(chance.choice(ALPHABETS))
        found.append("".join(signs))
    return found


def divides_signs(text: str) -> bool:
    """Whether something of more than one character is one sign to the eye."""
    return len([*divide_clusters(text)]) <= len(text)


def test_twilios_calculator_counts_as_we_do(tools: Tools) -> None:
    asked = texts()
    told = tools.script("segments", asked)

    different = []
    for text, theirs in zip(asked, told, strict=True):
        count = count_segments(text)
        rcs, abroad = count_rcs(text, "US"), count_rcs(text, "DE")
        ours = {
            "sms": [str(count.encoding), count.units, count.priced_segments],
            "rcs": [rcs.size_bytes, rcs.parts, str(abroad.kind)],
        }
        if ours != theirs:
            different.append((text, ours, theirs))

    assert len(asked) == TEXTS
    assert different == []


def test_smsutil_counts_as_we_do() -> None:
    several = 0
    for text in texts():
        count, theirs = count_segments(text), smsutil.split(text)
        encoding = Encoding.GSM_7 if theirs.encoding == "gsm0338" else Encoding.UCS_2
        assert (count.encoding, count.segments) == (encoding, len(theirs.parts)), text
        several += count.priced_segments > count.segments
        assert count.priced_segments == count.segments or divides_signs(text)

    assert several > 0  # what smsutil divides, and Twilio's calculator does not
