import base64
import random

import pytest

from plugin.messages.links import CLICK, OPEN, UNSUBSCRIBE, Target, make_token, read_token
from storage.engine import encryption

KEY = "a key for tests that is long enough"
TARGET = Target(shop_id=(1 << 62) + 12345, message_id=(1 << 61) + 678, number=3)
PURPOSES = [CLICK, OPEN, UNSUBSCRIBE]
SPELLING = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_token_says_what_it_was_made_for(purpose: str) -> None:
    token = make_token(purpose, TARGET)

    assert read_token(purpose, token) == TARGET
    assert len(token) == 43


@pytest.mark.parametrize("purpose", PURPOSES)
def test_s22_a_token_for_one_purpose_is_none_for_another(purpose: str) -> None:
    token = make_token(purpose, TARGET)

    assert [read_token(other, token) for other in PURPOSES if other != purpose] == [None, None]


def test_s21_every_flipped_bit_and_changed_letter_is_refused() -> None:
    token = make_token(CLICK, TARGET)
    raw = base64.urlsafe_b64decode(token + "=")
    flipped = [
        base64.urlsafe_b64encode(raw[:i] + bytes([raw[i] ^ (1 << bit)]) + raw[i + 1 :])
        .decode()
        .rstrip("=")
        for i in range(len(raw))
        for bit in range(8)
    ]
    changed = [
        token[:i] + letter + token[i + 1 :]
        for i in range(len(token))
        for letter in SPELLING
        if letter != token[i]
    ]

    assert len(flipped + changed) > 2_900
    assert [bad for bad in flipped + changed if read_token(CLICK, bad) is not None] == []


def test_s22_swapped_ids_and_random_tokens_are_refused() -> None:
    chance = random.Random(7)
    ours = [make_token(UNSUBSCRIBE, Target(n, n * 7, n % 9)) for n in range(1, 60)]
    spliced = [a[:cut] + b[cut:] for a in ours for b in ours[::7] if a != b for cut in (14, 25, 27)]
    drawn = ["".join(chance.choices(SPELLING, k=43)) for _ in range(2_000)]
    cut = [token[:n] for token in ours for n in (0, 1, 20, 42)]
    longer = [token + tail for token in ours for tail in ("A", "=", "==", "\n", "%00", "/")]

    bad = [t for t in spliced + drawn + cut + longer if t not in ours]
    assert len(bad) > 2_000
    assert [t for t in bad if read_token(UNSUBSCRIBE, t) is not None] == []


def test_s22_old_tokens_work_until_their_rotated_key_is_removed() -> None:
    try:
        encryption.set_keys({"1": KEY})
        old = make_token(UNSUBSCRIBE, TARGET)
        encryption.set_keys({"2027": "another key that is long enough too", "1": KEY})
        new = make_token(UNSUBSCRIBE, TARGET)

        assert old != new
        assert [read_token(UNSUBSCRIBE, t) for t in (old, new)] == [TARGET, TARGET]
        encryption.set_keys({"2027": "another key that is long enough too"})
        assert [read_token(UNSUBSCRIBE, t) for t in (old, new)] == [None, TARGET]
    finally:
        encryption.set_keys({"1": KEY})
