"""The database and the broker: reachable, of this version, durable, and of the same time."""

import time
from collections.abc import Iterator

from dramatiq.brokers.redis import RedisBroker
from redis.exceptions import RedisError

from plugin import jobs
from plugin.cli.doctor.findings import Finding, failed, ok, warning
from plugin.errors import RegularsError
from plugin.runtime import valkey
from plugin.runtime.connect import broker_answers, broker_url, connect_database
from plugin.settings import Settings
from storage import schema, shops, workload
from storage.engine import db, encryption

MAX_SKEW_S = 2.0
LEASE_LIMIT_S = 3_600.0  # the longest lease is a minute


def examine_database(settings: Settings) -> Iterator[Finding]:
    """Whether the database can be used; nothing else is asked of one that cannot."""
    try:
        encryption.set_keys(settings.keys())
        connect_database(settings)
    except (RegularsError, encryption.SecretError) as error:
        yield failed("database", str(error))
        return
    if problem := _version_problem():
        yield failed("database", problem)
        return
    if not schema.takes_writes():
        yield failed(
            "database", "It takes no writes. Look for a full disk, a lock or a read-only server."
        )
        return
    if unsafe := db.unsafe_settings():
        names = ", ".join(unsafe)
        yield failed(
            "database",
            f"A power cut would lose what was answered: set {names} to on in PostgreSQL.",
        )
    else:
        kind = "SQLite" if db.is_sqlite(db.engine()) else "PostgreSQL"
        yield ok("database", f"{kind} takes writes and is of version {schema.newest('main')}")
    yield from _examine_key()
    yield from _examine_clock()


def _version_problem() -> str:
    if not schema.is_newest():
        return "It is of another version. Run `regulars migrate`."
    try:
        schema.require_tables()
    except db.DatabaseError as error:
        return str(error)
    return ""


def _examine_key() -> Iterator[Finding]:
    try:
        with db.reading() as session:
            shops.all_shops(session)
    except encryption.SecretError:
        yield failed(
            "key",
            "REGULARS_SECRET_KEY does not open what the database holds. Set the one that it was "
            "made with, after a comma if there is a newer one.",
        )


def _examine_clock() -> Iterator[Finding]:
    with db.reading() as session:
        skew = db.database_time(session) - time.time()
        leases = workload.count_far_leases(session, LEASE_LIMIT_S)
    with db.inbox_reading() as session:
        leases += workload.count_far_delivery_leases(session, LEASE_LIMIT_S)
    if abs(skew) > MAX_SKEW_S:
        yield failed(
            "clock",
            f"The database's clock is {skew:+.0f} s off this machine's. Let both follow NTP.",
        )
    elif leases:
        yield failed(
            "clock",
            f"{leases} rows are leased for over an hour: a clock was wrong once. They are done "
            "when their lease ends; nothing else waits for them.",
        )
    else:
        yield ok("clock", f"The database's clock is within {MAX_SKEW_S:.0f} s of this machine's")


def examine_broker(settings: Settings) -> Iterator[Finding]:
    """Whether the broker answers, and keeps what it is given."""
    if not settings.broker_url:
        yield from _examine_own(settings)
        return
    broker = jobs.connect(broker_url(settings))
    if not broker_answers(broker):
        yield failed("broker", "It does not answer. Start it, or set another REGULARS_BROKER_URL.")
    elif isinstance(broker, RedisBroker) and (problems := list(_redis_problems(broker))):
        yield warning("broker", " ".join(problems))
    else:
        yield ok("broker", "It answers")
    broker.close()


def _examine_own(settings: Settings) -> Iterator[Finding]:
    try:
        valkey.server_command(settings.data_dir)
    except RegularsError as error:
        yield failed("broker", error.message)
        return
    if valkey.is_answering(settings.data_dir):
        yield ok("broker", "Our own Valkey answers")
    else:
        yield warning("broker", "Our own Valkey does not run. `regulars serve` starts it.")


def _redis_problems(broker: RedisBroker) -> Iterator[str]:
    """What loses jobs: not work, which the clock offers anew, but time."""
    try:
        told = broker.client.config_get("appendonly", "maxmemory-policy")
    except RedisError:  # a hosted one does not tell
        return
    if told.get("appendonly") == "no":
        yield "It keeps no append-only file: a crash loses its jobs, and they wait for the clock. "
        yield "Set appendonly to yes."
    if told.get("maxmemory-policy", "noeviction") != "noeviction":
        yield "When its memory is full it drops jobs. Set maxmemory-policy to noeviction."
