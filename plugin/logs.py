"""Logs: one line an event, `key=value`, on standard error. Ids only: no address, body or token."""

import logging
import sys

import structlog

FORMAT = "%(levelname)s %(name)s %(message)s"
QUIET = ("httpx2", "alembic", "pika", "mail.log", "uvicorn", "dramatiq")  # they tell every step


def set_up() -> None:
    """Set this process's logs up, ours and the libraries'."""
    logging.basicConfig(level=logging.INFO, format=FORMAT, stream=sys.stderr, force=True)
    for name in QUIET:
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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
