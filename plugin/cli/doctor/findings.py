"""A finding: one part of the installation, how it is, and what to do."""

from enum import StrEnum, auto
from typing import NamedTuple


class Level(StrEnum):
    """How a part is."""

    OK = auto()
    WARNING = auto()  # it works, and something may be missing
    FAILED = auto()


class Finding(NamedTuple):
    """What was found of a part, in one line."""

    level: Level
    part: str
    words: str

    def __str__(self) -> str:
        return f"{self.level:8} {self.part:9} {' '.join(self.words.split())}"


def ok(part: str, words: str) -> Finding:
    """A part that is as it should be."""
    return Finding(Level.OK, part, words)


def warning(part: str, words: str) -> Finding:
    """A part that works, though something about it should be changed."""
    return Finding(Level.WARNING, part, words)


def failed(part: str, words: str) -> Finding:
    """A part without which something does not work."""
    return Finding(Level.FAILED, part, words)
