"""Slices: the table of work on a shop that takes many steps, and its actors."""

import dramatiq

from plugin import jobs, lists
from plugin.imports import lifecycle
from plugin.insight import counts
from plugin.jobs import Progress, SliceJob, run_slice
from plugin.messages import sender_proofs
from plugin.privacy import retention
from plugin.profiles import duplicates
from plugin.shopify.install import billing
from plugin.sync import backfill, markets, reconcile, write_backs

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
