"""The actors that send. They have processes of their own: a relay that hangs holds up nothing else.

As with all actors, what a crash left undone is enqueued again by the clock.
"""

import dramatiq

from plugin import jobs
from plugin.messages.send import send_messages
from plugin.worker.slices import SLICE_JOBS, declare_slice_actor


@dramatiq.actor(queue_name="send", max_retries=0)
def send(shop_id: int, ids: list[int]) -> None:
    """Send these messages."""
    send_messages(shop_id, ids)


@dramatiq.actor(queue_name="send_first", max_retries=0, priority=jobs.FIRST)
def send_first(shop_id: int, ids: list[int]) -> None:
    """Send these messages, which shoppers wait for, before all others."""
    send_messages(shop_id, ids)


SLICE_ACTORS = {job.name: declare_slice_actor(job) for job in SLICE_JOBS if job.sends}
