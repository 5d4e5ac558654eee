"""How large the tests of faults are: small among all tests, whole by `make faults`.

The figures are those that an operator of a large installation would ask for; small is what shows
the same defects within seconds.
"""

import os
from typing import TypeVar

FULL = os.environ.get("FAULTS") == "full"
Size = TypeVar("Size")


def size(small: Size, full: Size) -> Size:
    """The one that this run asks for."""
    return full if FULL else small
