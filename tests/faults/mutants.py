"""Webhooks of a real shape with something wrong in them: seeded, so that a finding comes again."""

import copy
import json
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any, NamedTuple

from tests.story import Story

CASES = Path(__file__).parents[1] / "plugin/ingest/storefront_cases.json"
JOURNEYS = 60
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/äß漢🛒"
RAW = "\x1araw:"  # begins a text that stands in the body as it is, without its quotes


class Told(NamedTuple):
    """A topic and its body."""

    topic: str
    body: bytes


def told_by_stores() -> dict[str, list[Any]]:
    """Bodies by topic: what the dev store sends of some journeys, and what our cases tell."""
    story = Story()
    for number in range(JOURNEYS):
        story.journey(number)
    found = [(each.topic, json.loads(each.body)) for each in story.deliveries()]
    cases = json.loads(CASES.read_text())
    found += [
        (topic, body)
        for topic, body, *_ in chain.from_iterable(case["deliveries"] for case in cases)
    ]
    by_topic: dict[str, list[Any]] = {}
    for topic, body in found:
        if topic.startswith("("):  # what the case does itself
            continue
        by_topic.setdefault(topic, []).append(body)
    return by_topic


class Mutator:
    """Makes mutants of bodies."""

    def __init__(self, seed: int, by_topic: dict[str, list[Any]], topics: Sequence[str]) -> None:
        self.chance = random.Random(seed)
        self.by_topic, self.topics = by_topic, topics

    def mutants(self) -> Iterator[Told]:
        """Return mutants of all topics in turn, without end."""
        for topic in chain.from_iterable(repeat(self.topics)):
            body = copy.deepcopy(self.chance.choice(self.by_topic[topic]))
            for _ in range(self.chance.choice((1, 1, 2, 4))):
                self._change(body)
            yield Told(topic, self._bytes(body))

    def _change(self, body: Any) -> None:
        """Spoil one place of a body."""
        places = list(_places(body))
        if not places:
            return
        holder, key = self.chance.choice(places)
        act = self.chance.random()
        if act < 0.1:
            del holder[key]
        elif act < 0.2:
            other, there = self.chance.choice(places)
            holder[key] = copy.deepcopy(other.get(there) if isinstance(other, dict) else other)
        elif act < 0.25 and isinstance(holder, dict):
            holder[self.chance.choice(self._odd_texts())] = holder.pop(key)
        else:
            holder[key] = self.chance.choice(self._odd_values(holder[key]))()

    def _odd_values(self, was: Any) -> list[Callable[[], Any]]:
        say, number = self.chance.choice, self.chance.randint
        values: list[Callable[[], Any]] = [
            lambda: None,
            lambda: say((True, False)),
            lambda: say((0, -1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 10**60)),
            lambda: say((f"{RAW}1e400", f"{RAW}-1e400", f"{RAW}NaN", f"{RAW}1e5", 0.5)),
            lambda: RAW + "9" * number(1_000, 6_000),
            lambda: say(self._odd_texts()),
            lambda: say(([], {}, [[]], [was], {"id": was}, [None], ["x", 1, {}])),
            lambda: f"{RAW}{'[' * (depth := say((2, 300, 5_000)))}{']' * depth}",
            lambda: say(("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "0000-00-00")),
            lambda: say(("2026-11-21T12:00:00Z", "2026-11-21T12:00:00", "2026-02-30T00:00:00Z")),
        ]
        if isinstance(was, str):
            values += [lambda: was + self._long_text(), lambda: was * 40, lambda: f"{was}\x00"]
        return values

    def _odd_texts(self) -> list[str]:
        return [
            "", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\u202e", "'; DROP TABLE", "{{ 1 }}",
            "gid://shopify/Order/9223372036854775808", "gid://shopify/Order/x", "-0", "NaN",
            "1e309", "٣", "9" * 30, self._long_text(), "a" * 5_000,
        ]  # fmt: skip

    def _long_text(self) -> str:
        """A text that no index can hold, however well it is packed."""
        return "".join(self.chance.choices(LETTERS, k=self.chance.choice((300, 3_000, 12_000))))

    def _bytes(self, body: Any) -> bytes:
        text = json.dumps(body)
        while (start := text.find(f'"{json.dumps(RAW)[1:-1]}')) >= 0:
            end = text.index('"', start + 1)
            text = text[:start] + text[start + len(json.dumps(RAW)) - 1 : end] + text[end + 1 :]
        raw = text.encode()
        act = self.chance.random()
        if act < 0.03:
            return raw[: self.chance.randint(0, len(raw))]
        if act < 0.05:
            return text.encode(self.chance.choice(("utf-16", "utf-8-sig", "utf-32")))
        if act < 0.08:
            place = self.chance.randrange(len(raw))
            return raw[:place] + self.chance.randbytes(1) + raw[place + 1 :]
        return raw


def _places(body: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a document, as what holds it and its key there."""
    inside = [*(body.items() if isinstance(body, dict) else enumerate(body))]
    for key, value in inside:
        yield body, key
        if isinstance(value, dict | list):
            yield from _places(value)
