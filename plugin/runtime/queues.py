"""How many messages wait in each of the broker's queues."""

from collections.abc import Mapping

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
            return _in_rabbitmq(broker)
    except (RedisError, AMQPError, OSError) as error:
        log.warning("queues.not_counted", error=type(error).__name__)
    return {}


def _in_redis(broker: RedisBroker) -> Mapping[str, int]:
    with broker.client.pipeline(transaction=False) as asked:
        for queue in QUEUES:
            asked.llen(f"{broker.namespace}:{queue}")
        return dict(zip(QUEUES, asked.execute(), strict=True))


def _in_rabbitmq(broker: RabbitmqBroker) -> Mapping[str, int]:
    """Ask passively: a queue that no worker has declared holds nothing, and closes the channel."""
    depths = {}
    channel = broker.connection.channel()
    for queue in QUEUES:
        try:
            depths[queue] = channel.queue_declare(queue=queue, passive=True).method.message_count
        except ChannelClosedByBroker:
            depths[queue] = 0
            channel = broker.connection.channel()
    channel.close()
    return depths
