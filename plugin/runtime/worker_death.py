"""End dramatiq's worker processes when their master is gone."""

import dramatiq
import structlog

from plugin.runtime.parent_death import exit_with_supervisor

log = structlog.get_logger()


class ExitWithParent(dramatiq.Middleware):
    """Ties each of dramatiq's worker processes to dramatiq's master, and says that it has begun."""

    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        exit_with_supervisor()
        log.info("worker.started")
