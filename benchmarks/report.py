"""Print a benchmark's results: a table for people, then one line of JSON for comparisons."""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median


def say(text: str = "") -> None:
    """One line for people."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows under a head: the first column is words, the others are figures."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    for row in [head, ["-" * width for width in widths], *rows]:
        first, *others = (
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        say("  ".join([first, *others]).rstrip())


def line(name: str, figures: dict[str, float | int | str | None]) -> None:
    """The last line: one JSON object."""
    say(json.dumps({"name": name, **figures}))


def middle(values: Sequence[float], digits: int = 2) -> float | None:
    """The median, rounded; None of nothing."""
    return round(median(values), digits) if values else None


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Pass by pass: each pair ran within seconds of each other, under the same load."""
    return [a / b for a, b in zip(above, below, strict=True)] if above and below else []


def fsyncs_per_second(folder: Path, count: int = 200) -> int:
    """How many 8 KB appends this disk makes durable in a second, one by one."""
    path = folder / "fsync"
    with path.open("wb", buffering=0) as file:
        began = time.perf_counter()
        for _ in range(count):
            file.write(bytes(8192))
            os.fsync(file.fileno())
        took = time.perf_counter() - began
    path.unlink()
    return round(count / took)
