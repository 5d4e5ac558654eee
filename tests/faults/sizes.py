"""How large the tests of faults are: small among all tests, whole by `make faults`.

The full figures are those that an operator of a large installation would want; the small ones show
the same defects within seconds.
"""

import os
from typing import TypeVar

FULL = os.environ.get("FAULTS") == "full"
Size = TypeVar("Size")


def size(small: Size, full: Size) -> Size:
    """Return the size of this run."""
    return full if FULL else small
