"""The size of a text by SMS and RCS, and how plain signs make it smaller."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.channels.text.rcs import RcsKind, count_rcs
from plugin.channels.text.segments import Encoding, count_segments, normalise_text
from plugin.channels.text.smart_encoding import PLAIN_SIGNS, SignChange, encode_smartly
from plugin.errors import RegularsError

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("text_cases.json").read_text())[
    "segments"
]
CURLY = "Regulars: Ana, don’t miss it — 10% off until midnight…"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_text_has_as_many_segments_as_carriers_count(case: dict[str, Any]) -> None:
    count = count_segments(case["text"])

    said = (str(count.encoding), count.units, count.segments)
    assert said == (case["encoding"], case["units"], case["segments"]), case.get("why")
    assert count.priced_segments == case.get("or", case["segments"]), case.get("why")


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(RegularsError, match="empty"):
        count_segments("")


@given(st.text(min_size=1, max_size=400))
def test_a_price_is_never_below_what_is_sent(text: str) -> None:
    count = count_segments(text)

    assert count.priced_segments >= count.segments >= 1
    assert count.units >= len(text)


def test_accents_are_composed_and_lines_end_by_one_unit() -> None:
    text = unicodedata.normalize("NFD", "Café\r\nà 5\r")

    assert normalise_text(text) == "Café\nà 5\n"
    assert count_segments(normalise_text(text)).encoding == Encoding.GSM_7


def test_plain_signs_make_a_text_gsm_7_and_say_what_changed() -> None:
    encoded = encode_smartly(CURLY)

    assert encoded.text == "Regulars: Ana, don't miss it - 10% off until midnight..."
    assert encoded.changes == (
        SignChange("’", "'", 1), SignChange("—", "-", 1), SignChange("…", "...", 1)
    )  # fmt: skip
    assert count_segments(encoded.text).encoding == Encoding.GSM_7


@pytest.mark.parametrize("text", ["La fête — ce soir", "“Sale” 😀", "全场八折…", "½ price – today"])
def test_nothing_is_changed_where_the_text_stays_as_long(text: str) -> None:
    assert encode_smartly(text).text == text
    assert encode_smartly(text).changes == ()


def test_a_no_break_space_is_one_space_and_unseen_signs_are_gone() -> None:
    text = "20\u00a0%\toff\u202fnow\u200b\ufeff, sof\u00adt"

    assert encode_smartly(text).text == "20 % off now, soft"


def test_names_codes_and_links_are_never_changed() -> None:
    link = "https://shop.example/a?q=“x”"
    text = f"O’Brien’s code SAVE–10: don’t wait {link}"

    kept = encode_smartly(text, kept=["O’Brien", "SAVE–10"])
    assert kept.text == text  # they keep it UCS-2, so that nothing would be won
    assert encode_smartly("Zoë, don’t wait").text == "Zoë, don’t wait"
    plain = encode_smartly("Zoé, don’t wait: SAVE-10", kept=["Zoé", "SAVE-10"])
    assert plain.text == "Zoé, don't wait: SAVE-10"


def test_no_letter_or_digit_is_ever_replaced() -> None:
    assert [sign for sign in PLAIN_SIGNS if unicodedata.category(sign)[0] in "LN"] == []
    assert count_segments("".join(PLAIN_SIGNS.values())).encoding == Encoding.GSM_7


def test_rcs_is_counted_by_bytes() -> None:
    chinese = "全" * 54

    assert count_segments(chinese).segments == 1
    us, abroad = count_rcs(chinese, "US"), count_rcs(chinese, "SG")
    assert (us.kind, us.size_bytes, us.parts) == (RcsKind.RICH, 162, 2)
    assert (abroad.kind, abroad.parts) == (RcsKind.SINGLE, 1)
    assert count_rcs("a" * 160, "DE").kind == RcsKind.BASIC
    assert count_rcs("a", "DE", is_rich=True).kind == RcsKind.RICH
