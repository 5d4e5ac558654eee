"""What a template may take: time, rounds of loops, and how large a value may become.

A step of a template is one call into C, which no signal ends (a sort, a replacement in a long
text): so each value is weighed before and after a filter, and between steps the time is looked at.
"""

import time
from collections.abc import Mapping

from liquid.exceptions import LoopIterationLimitError, OutputStreamLimitError, ResourceLimitError

MAX_SECONDS = 0.5  # of its thread's own time, so that a busy machine refuses no mail
MAX_ROUNDS = 10_000  # of all loops of one part of a mail together
MAX_ITEMS = 10_000  # of a list, with what is in its lists; of a range that is read whole
MAX_TEXT_CHARS = 500_000  # of a value; Gmail cuts off mails of more than 102 KB
MAX_NAMED_CHARS = 2 * MAX_TEXT_CHARS  # of all variables of one part of a mail together
MAX_NUMBER_BITS = 1024  # as large as a float: no number of a shop's is larger
MAX_NUMBER_CHARS = 400  # of a text that is read as a number

_ITEM_CHARS = MAX_TEXT_CHARS // MAX_ITEMS  # what an item weighs beside its text


class TemplateTooSlowError(ResourceLimitError):
    """It took longer than a mail may."""


def time_limit() -> float:
    """When a mail that is begun now has had its time."""
    return time.thread_time() + MAX_SECONDS


def check_time(until: float) -> None:
    """See that there is time left.

    Raises:
        TemplateTooSlowError: there is none.
    """
    if time.thread_time() > until:
        raise TemplateTooSlowError("it takes too long", token=None)


def check_rounds(rounds: int) -> None:
    """See that loops go around no more often than they may.

    Raises:
        LoopIterationLimitError: they do.
    """
    if rounds > MAX_ROUNDS:
        raise LoopIterationLimitError(
            f"its loops go around more than {MAX_ROUNDS:,} times", token=None
        )


def check_items(count: int) -> None:
    """See that a list has no more items than it may.

    Raises:
        LoopIterationLimitError: it has.
    """
    if count > MAX_ITEMS:
        raise LoopIterationLimitError(f"a list has more than {MAX_ITEMS:,} items", token=None)


def check_length(chars: int) -> None:
    """See that a text stays within what a mail may hold.

    Raises:
        OutputStreamLimitError: it does not.
    """
    if chars > MAX_TEXT_CHARS:
        raise OutputStreamLimitError(
            f"a text has more than {MAX_TEXT_CHARS:,} characters", token=None
        )


def weigh(value: object) -> int:
    """How much a value holds, in characters: its texts, and something for each item.

    Raises:
        ResourceLimitError: it is more than a mail may hold.
    """
    if isinstance(value, str):
        check_length(len(value))
        return len(value)
    if not isinstance(value, list | tuple | Mapping):
        return 1
    weight, items = 0, 0
    rest: list[object] = [value]
    while rest:
        each = rest.pop()
        if isinstance(each, str):
            weight += len(each)
        elif isinstance(each, list | tuple | Mapping):
            items += len(each)
            check_items(items)
            rest.extend(each.values() if isinstance(each, Mapping) else each)
    check_length(weight)
    return weight + items * _ITEM_CHARS
