"""Slices: one runner for the work of a shop that takes many steps, and the table of such work."""

import time

import dramatiq
import structlog

from plugin import jobs, lists
from plugin.imports import lifecycle
from plugin.insight import counts
from plugin.jobs import Progress, SliceJob
from plugin.messages import sender_proofs
from plugin.privacy import retention
from plugin.profiles import duplicates
from plugin.shopify.install import billing
from plugin.sync import backfill, markets, reconcile, write_backs
from storage.engine import locks

SLICE_JOBS = (
    backfill.SLICE_JOB,
    lifecycle.SLICE_JOB,
    write_backs.SLICE_JOB,
    reconcile.SLICE_JOB,
    markets.SLICE_JOB,
    duplicates.SLICE_JOB,
    counts.SLICE_JOB,
    lists.SLICE_JOB,
    sender_proofs.SLICE_JOB,
    retention.SLICE_JOB,
    billing.SLICE_JOB,
)

log = structlog.get_logger()


def run_slice(job: SliceJob, shop_id: int, slice_seconds: float | None = None) -> Progress:
    """Run steps on a shop until nothing is left or the slice is over.

    At least one step is run. A shop with this job running in another process is left to it.
    """
    deadline = time.monotonic() + (job.slice_seconds if slice_seconds is None else slice_seconds)
    try:
        with locks.exclusive(f"{job.name}-{shop_id}", wait_s=0):
            while job.run_step(shop_id) is Progress.MORE:
                if time.monotonic() >= deadline:
                    return Progress.MORE
    except locks.LockTimeoutError:
        log.debug("slice.already_running", job=job.name, shop=shop_id)
    return Progress.DONE


def run_slice_and_enqueue_rest(job: SliceJob, shop_id: int) -> None:
    """Run a slice; what it left waits behind the other shops' slices."""
    if run_slice(job, shop_id) is Progress.MORE and job.enqueues_rest:
        jobs.enqueue(job.name, shop_id)


def declare_slice_actor(job: SliceJob) -> dramatiq.Actor[[int], None]:
    """Declare the actor that runs a job's slices; its queue has the same name."""

    @dramatiq.actor(actor_name=job.name, queue_name=job.name, max_retries=0, priority=job.priority)
    def run(shop_id: int) -> None:
        run_slice_and_enqueue_rest(job, shop_id)

    return run
