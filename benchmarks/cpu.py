"""CPU seconds of a process and all that it started, from /proc (Linux).

CPU time, not wall time: other work on the machine stretches the second and hardly the first.
"""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")  # a hundredth of a second each


def seconds(pid: int) -> float:
    """User and system time so far of a process, its descendants, and those that have ended."""
    processes = {each: _read(each) for each in _pids()}
    family, todo = set[int](), [pid]
    while todo:
        family.add(parent := todo.pop())
        todo += [each for each, (its, _) in processes.items() if its == parent]
    return sum(processes[each][1] for each in family if each in processes) / TICKS


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _read(pid: int) -> tuple[int, int]:
    """A process's parent and its ticks, proc_pid_stat(5); one that is gone has none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    fields = text.rpartition(") ")[2].split()  # the name before it may hold anything
    return int(fields[1]), sum(int(ticks) for ticks in fields[11:15])
