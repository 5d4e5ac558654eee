"""Jobs: tell the workers that there is something to do. The database says what.

A lost message costs seconds, never work: the clock offers again what no worker took.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import dramatiq
import redis
import structlog
from dramatiq.broker import Broker
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from pika.exceptions import AMQPError
from redis.exceptions import RedisError
from sqlmodel import Session

from storage.engine import locks

IDS_PER_JOB = 500  # ids in one message; a queue hop of 400 µs is then under 1 µs for each
MAX_WAITING_JOBS = 10  # for one actor, before what is due is not offered anew
FIRST, LAST = -10, 10  # priorities: a lower number goes first in Dramatiq; all others have 0

# Every queue there is, for who counts what waits in them: the actors lie above all who may ask.
QUEUES = (
    "digest", "advance", "send", "send_first", "refill", "sync", "backfill", "privacy", "publish",
    "write_back", "reconcile", "markets", "imports", "likeness", "tallies", "lists", "retention",
    "senders", "plans",
)  # fmt: skip

log = structlog.get_logger()


class Progress(StrEnum):
    """Whether a step left something that can be done at once."""

    MORE = "more"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class SliceJob:
    """Work on one shop that is done in slices, so that no shop holds up another.

    A step commits what it did: the process may die between any two. The worker's queue and actor
    are called `name`, as is the lock that keeps a shop's job to one worker.
    """

    name: str
    run_step: Callable[[int], Progress]
    find_due_shops: Callable[[Session, datetime], Sequence[int]]
    interval: timedelta = timedelta(minutes=1)  # how often the clock looks for due shops
    slice_seconds: float = 20.0
    priority: int = 0
    sends: bool = False  # by a relay, which may hang: the senders run it, not the workers
    enqueues_rest: bool = True  # when a slice is over; else the clock does at its next look


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


def connect(url: str) -> Broker:
    """Make the broker at `url` this process's broker.

    Raises:
        ValueError: the address is not redis, valkey, unix or amqp.
    """
    kind = url.partition("://")[0]
    if kind in ("amqp", "amqps"):
        # Without confirms RabbitMQ drops accepted messages on a crash (measured: 1,480 of 3,000).
        broker: Broker = RabbitmqBroker(url=url, confirm_delivery=True)
    elif kind in ("redis", "rediss", "unix", "valkey", "valkeys"):
        if kind.startswith("valkey"):
            url = url.replace("valkey", "redis", 1)
        # Given a URL alone, dramatiq's broker drops the timeouts; a silent broker then hangs us.
        client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=10)
        broker = RedisBroker(client=client)  # type: ignore[no-untyped-call]  # its own has no types
    else:
        raise ValueError(
            f"REGULARS_BROKER_URL must begin with redis://, valkey:// or amqp://, not {kind}://."
        )
    dramatiq.set_broker(broker)
    return broker


def enqueue(actor: str, *args: object) -> None:
    """Send one message to an actor; it carries ids only.

    A broker that is down is not an error here: the row is committed, and the clock enqueues it
    again.
    """
    broker = dramatiq.get_broker()
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name=actor, actor_name=actor, args=args, kwargs={}, options={}
    )
    try:
        broker.enqueue(message)
    except (dramatiq.BrokerError, RedisError, AMQPError, OSError):
        log.warning("job.not_enqueued", actor=actor)


def is_backed_up(actor: str) -> bool:
    """Whether so many jobs wait for an actor that a clock's next offers would be the same again."""
    broker = dramatiq.get_broker()
    try:
        if isinstance(broker, RedisBroker):
            # Not what the broker calls the queue's size: that counts what dead workers had fetched.
            waiting = broker.client.llen(f"{broker.namespace}:{actor}")
        elif isinstance(broker, RabbitmqBroker):
            waiting = broker.get_queue_message_counts(actor)[0]
        else:
            waiting = broker.queues[actor].qsize()
    except (dramatiq.BrokerError, RedisError, AMQPError, OSError):
        return False  # to enqueue will fail alike, and says so
    return bool(waiting >= MAX_WAITING_JOBS)


def enqueue_for_rows(actor: str, keys: Sequence[tuple[int, int]]) -> None:
    """Ring for rows given as (shop id, row id): one message for each shop and 500 ids."""
    by_shop: dict[int, list[int]] = {}
    for shop_id, row_id in keys:
        by_shop.setdefault(shop_id, []).append(row_id)
    for shop_id, ids in by_shop.items():
        for start in range(0, len(ids), IDS_PER_JOB):
            enqueue(actor, shop_id, ids[start : start + IDS_PER_JOB])
