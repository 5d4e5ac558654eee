"""Connects this process to what every process needs: the secret keys, the database, the broker."""

import structlog
from dramatiq.broker import Broker
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from pika.exceptions import AMQPError
from redis.exceptions import RedisError

from plugin import jobs
from plugin.errors import RegularsError
from plugin.runtime import valkey
from plugin.runtime.data_folder import unwritable
from plugin.runtime.private_files import make_private
from plugin.runtime.queues import open_connection
from plugin.settings import Settings, get_settings
from storage import schema
from storage.engine import db, encryption

log = structlog.get_logger()


def connect_broker(*, lock_timeout_s: int = db.LOCK_TIMEOUT_S) -> Broker:
    """Connect this process by its settings.

    Args:
        lock_timeout_s: how long its work waits for a lock of the database.

    Raises:
        RegularsError: a setting is missing or wrong, or the database does not answer.
    """
    settings = get_settings()
    set_keys(settings)
    connect_database(settings, lock_timeout_s=lock_timeout_s)
    try:
        return jobs.connect(broker_url(settings))
    except ValueError as error:
        raise RegularsError(str(error)) from None


def set_keys(settings: Settings) -> None:
    """Give this process the installation's secret keys.

    Raises:
        RegularsError: there is none, or one is too short.
    """
    try:
        encryption.set_keys(settings.keys())
    except encryption.SecretError as error:
        raise RegularsError(str(error)) from None


def connect_database(settings: Settings, *, lock_timeout_s: int = db.LOCK_TIMEOUT_S) -> None:
    """Connect this process to the database alone."""
    try:
        make_private(settings)
        db.connect(settings.database(), lock_timeout_s=lock_timeout_s)
        if schema.is_exempt_from_policies():
            log.warning("database.no_row_security", why="its role is a superuser or BYPASSRLS")
    except OSError as error:
        raise unwritable(settings.data_dir, error) from None
    except db.DatabaseError as error:
        raise RegularsError(str(error)) from None


def broker_url(settings: Settings) -> str:
    """The broker that the settings name, or the one that `regulars serve` runs for us."""
    return settings.broker_url or valkey.server_address(settings.data_dir)


def require_schema() -> None:
    """Go on only with a database of this version.

    Raises:
        RegularsError: it is empty, of another version, or lacks tables of its version.
    """
    if not schema.is_newest():
        raise RegularsError("The database has another version. Run `regulars migrate` first.")
    try:
        schema.require_tables()
    except db.DatabaseError as error:
        raise RegularsError(str(error)) from None


def require_broker(broker: Broker) -> None:
    """Go on only with a broker that answers.

    Raises:
        RegularsError: it does not.
    """
    if not broker_answers(broker):
        raise RegularsError(
            "Can't reach the broker. `regulars serve` runs one; separate processes need "
            "REGULARS_BROKER_URL."
        )


def broker_answers(broker: Broker) -> bool:
    """Whether the broker can be reached now."""
    try:
        if isinstance(broker, RedisBroker):
            return bool(broker.client.ping())
        return isinstance(broker, RabbitmqBroker) and bool(open_connection(broker).is_open)
    except (RedisError, AMQPError, OSError):
        return False
