"""End dramatiq's worker processes when their master is gone."""

import multiprocessing
import os
import threading
import time

import dramatiq
import structlog

from plugin.runtime.parent_death import POLL_INTERVAL_S, exit_with_parent

STOPS_WITHIN_S = 25.0  # ten for the jobs at work, ten for the queues' threads

log = structlog.get_logger()


class ExitWithParent(dramatiq.Middleware):
    """Ties each of dramatiq's worker processes to dramatiq's master, and says that it has begun."""

    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        master = multiprocessing.parent_process()
        assert master is not None
        exit_with_parent(master.pid)
        threading.Thread(target=_end_without, args=(master.pid,), daemon=True).start()
        log.info("worker.started")


def _end_without(master: int) -> None:
    """End a worker that cannot end by itself.

    What it prints goes to its master through a pipe that it could read as well, so that nothing
    breaks when the master is gone: once the pipe is full, each thread that prints waits for ever.
    """
    while os.getppid() == master:
        time.sleep(POLL_INTERVAL_S)
    time.sleep(STOPS_WITHIN_S)
    os._exit(1)
