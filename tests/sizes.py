"""How large the tests of faults are, and how long others wait: small among all tests, whole by
`make faults`.

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


# How many times longer a wait may take than on a machine that does nothing else, for which every
# limit is given: `make test` runs several files at once on machines that others use, too.
PATIENCE = size(4, 1)
