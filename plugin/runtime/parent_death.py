"""End a process of `regulars serve` when the process that started it is gone.

Otherwise a supervisor that is killed outright leaves workers behind without supervision.
"""

import ctypes
import os
import signal
import sys
import threading
import time

SUPERVISED_VARIABLE = (
    "REGULARS_SUPERVISED"  # set by the supervisor: a process run by hand answers to its shell
)
PR_SET_PDEATHSIG = 1  # prctl(2)
POLL_INTERVAL_S = 0.5

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def exit_with_parent(started_by: int | None = None) -> None:
    """End this process (SIGTERM, as from a person) when its parent ends.

    The parent's thread that forked us counts as the parent: prctl(2). Fork from the main thread.

    Args:
        started_by: the parent, for who asks so late that it may be gone by now.
    """
    parent = started_by or os.getppid()
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it went in between
            os.kill(os.getpid(), signal.SIGTERM)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def exit_with_supervisor() -> None:
    """As `exit_with_parent`, for whatever `regulars serve` started, however far down the line."""
    if SUPERVISED_VARIABLE in os.environ:
        exit_with_parent()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_INTERVAL_S)
    os.kill(os.getpid(), signal.SIGTERM)
