"""How many messages wait in each of the broker's queues."""

import contextlib
from collections.abc import Mapping

import pika
import structlog
from dramatiq.broker import Broker
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from pika.exceptions import AMQPError, ChannelClosedByBroker
from redis.exceptions import RedisError

from plugin.jobs import QUEUES

log = structlog.get_logger()


def queue_depths(broker: Broker) -> Mapping[str, int]:
    """The messages that no worker has taken, by queue; none when the broker is away."""
    try:
        if isinstance(broker, RedisBroker):
            return _in_redis(broker)
        if isinstance(broker, RabbitmqBroker):
            return _in_rabbitmq_anew(broker)
    except (RedisError, AMQPError, OSError) as error:
        log.warning("queues.not_counted", error=type(error).__name__)
    return {}


def _in_redis(broker: RedisBroker) -> Mapping[str, int]:
    with broker.client.pipeline(transaction=False) as asked:
        for queue in QUEUES:
            asked.llen(f"{broker.namespace}:{queue}")
        return dict(zip(QUEUES, asked.execute(), strict=True))


def _in_rabbitmq_anew(broker: RabbitmqBroker) -> Mapping[str, int]:
    """As `_in_rabbitmq`, over a new connection where the kept one proves to be closed."""
    try:
        return _in_rabbitmq(broker)
    except (AMQPError, OSError):
        del broker.connection
        return _in_rabbitmq(broker)


def _in_rabbitmq(broker: RabbitmqBroker) -> Mapping[str, int]:
    """Ask passively: a queue that no worker has declared holds nothing, and closes the channel."""
    depths = {}
    connection = open_connection(broker)
    channel = connection.channel()
    for queue in QUEUES:
        try:
            depths[queue] = channel.queue_declare(queue=queue, passive=True).method.message_count
        except ChannelClosedByBroker:
            depths[queue] = 0
            channel = connection.channel()
    channel.close()
    return depths


def open_connection(broker: RabbitmqBroker) -> pika.BlockingConnection:
    """This thread's connection to RabbitMQ, made anew if it is closed.

    RabbitMQ closes one that was silent for two heartbeats, as that of a thread that answers a web
    request now and then is; dramatiq keeps a closed one until it enqueues.

    Raises:
        AMQPError, OSError: RabbitMQ is away.
    """
    kept = getattr(broker.state, "connection", None)
    if kept is not None:
        with contextlib.suppress(AMQPError, OSError):
            kept.process_data_events(time_limit=0)  # else it has not yet heard that it is closed
        if not kept.is_open:
            del broker.connection
    connection: pika.BlockingConnection = broker.connection
    return connection
