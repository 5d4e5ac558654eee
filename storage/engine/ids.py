"""Row ids: ever larger integers that any process can draw without asking another."""

import secrets
import threading
import time

EPOCH_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
COUNTER_BITS = 22

_lock = threading.Lock()
_counter = secrets.randbits(COUNTER_BITS)
_last_ms = 0


def new_id() -> int:
    """A 63-bit id: milliseconds since 2026 above a counter that starts at random in each process.

    Two processes meet only when both stand on the same one of four million counts in the same
    millisecond for the same shop; the primary key then refuses the row and the work is done again.
    """
    global _counter, _last_ms
    with _lock:
        _counter = (_counter + 1) % (1 << COUNTER_BITS)
        _last_ms = max(_last_ms, time.time_ns() // 1_000_000)
        return ((_last_ms - EPOCH_MS) << COUNTER_BITS) | _counter


def new_ids(count: int) -> list[int]:
    """Many ids at once, in their order."""
    global _counter, _last_ms
    with _lock:
        _last_ms = max(_last_ms, time.time_ns() // 1_000_000)
        first, _counter = _counter + 1, _counter + count
        # A counter that runs over begins anew a millisecond later.
        found = [
            ((_last_ms - EPOCH_MS) << COUNTER_BITS) + each for each in range(first, first + count)
        ]
        _last_ms += _counter >> COUNTER_BITS
        _counter %= 1 << COUNTER_BITS
    return found
