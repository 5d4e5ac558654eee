"""Logs: one line an event, `key=value`, on standard error. Ids only: no address, body or token."""

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog

FORMAT = "%(levelname)s %(name)s %(message)s"
QUIET_LOGGERS = (
    "httpx2",
    "alembic",
    "pika",
    "mail.log",
    "uvicorn",
    "dramatiq",
)  # they tell every step


class UnfailingStream:
    """A stream that never raises: a full disk, or a reader that went away, must not stop the work
    that is logged.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, words: str) -> int:
        """Write, if that can be done."""
        with contextlib.suppress(OSError):
            self._stream.write(words)
        return len(words)

    def flush(self) -> None:
        """Flush, if that can be done."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def set_up_logs() -> None:
    """Set this process's logs up, ours and the libraries'."""
    logging.basicConfig(level=logging.INFO, format=FORMAT, stream=sys.stderr, force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "event"], drop_missing=True
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, UnfailingStream(sys.stderr))),
        cache_logger_on_first_use=True,
    )
