"""PostgreSQL's connections: what each begins with, directly or through a pooler.

PgBouncer and its like give every transaction a connection of their choosing, so that nothing may
last from one to the next: no prepared statement, no lock, and no setting. Behind one, each
transaction begins with our settings instead (`storage.engine.row_security`).
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

# A server that is gone without a word is noticed within ten seconds, whether it owes us an answer
# (keepalives) or an acknowledgement (tcp_user_timeout): libpq's default is two hours.
NETWORK: dict[str, int | str] = {
    "connect_timeout": 5,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8_000,
}


def settings(lock_timeout_s: int) -> dict[str, str]:
    """What holds for our statements."""
    return {
        # Short statements over arrays cost more to compile than to run: 32 ms against 1.5 ms.
        "jit": "off",
        "timezone": "UTC",
        # A minute is what the longest lease lasts; a statement that runs on would be done twice.
        "statement_timeout": "60s",
        # A process that was stopped in its transaction loses it, and its locks, after half of that.
        "idle_in_transaction_session_timeout": "30s",
        "lock_timeout": f"{lock_timeout_s}s",
    }


def connection_options(begin_with: Mapping[str, str], *, pooled: bool) -> dict[str, Any]:
    """The driver's options; a pooler passes no settings on."""
    if pooled:
        return NETWORK | {"prepare_threshold": None}
    return NETWORK | {"options": " ".join(f"-c {k}={value}" for k, value in begin_with.items())}


def is_pooled(connection: Connection) -> bool:
    """Whether what answers at a connection's other end is a pooler: it greets with a number of its
    own, and not with that of the server's process.
    """
    driver: Any = connection.connection.driver_connection
    found = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    return bool(found != driver.info.backend_pid)


def refuses_options(error: BaseException | None) -> bool:
    """Whether a connection was refused for the settings that it begins with: PgBouncer's word."""
    return "unsupported startup parameter" in str(error)
