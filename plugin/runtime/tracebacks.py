"""Write the traceback of an error for the log: where it happened and of which kind, no values.

What an error says may name a shopper: PostgreSQL tells the row that it refused, Python the text
that is no number.
"""

import re
import traceback

from structlog.types import ExcInfo

MASK = "…"
# In quotation marks, an address, or a number that could be a person's.
_VALUES = re.compile(r"""'[^']*'|"[^"]*"|\S*[@＠]\S*|\+?\d(?:[\s().-]*\d){4,}""")
MAX_CAUSES = 10


def format_traceback(exc_info: ExcInfo) -> str:
    """An error and what it came of, the first cause first."""
    error: BaseException | None = exc_info[1]
    told: list[str] = []
    while error is not None and len(told) < MAX_CAUSES:
        frames = "".join(traceback.format_tb(error.__traceback__))
        told.append(f"Traceback (most recent call last):\n{frames}{_name(error)}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\nThen:\n".join(reversed(told))


def _name(error: BaseException) -> str:
    """The kind of an error and the first line of what it says, without values."""
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    says = (str(error).splitlines() or [""])[0]
    return f"{module}{kind.__qualname__}: {_VALUES.sub(MASK, says)}".rstrip(": ")
