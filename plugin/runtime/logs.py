"""Logs: one line an event, `key=value` or JSON, on standard error, the libraries' lines alike.

Ids only: no address, body or token.
"""

import contextlib
import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO, cast

import structlog
from structlog.types import Processor

from plugin.runtime.tracebacks import format_traceback
from plugin.settings import LogFormat, LogLevel, get_settings

RENDERERS: dict[LogFormat, Processor] = {
    LogFormat.LOGFMT: structlog.processors.LogfmtRenderer(
        key_order=["timestamp", "level", "event"], drop_missing=True
    ),
    LogFormat.JSON: structlog.processors.JSONRenderer(ensure_ascii=False),
}
# They tell every step, and some of them addresses: of these no setting shows more.
QUIET_LOGGERS = (
    "httpx2",
    "alembic",
    "pika",
    "mail.log",
    "uvicorn",
    "dramatiq",
)


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
    """Set this process's logs up, ours and the libraries', as the settings say."""
    settings = get_settings()
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    stream = cast(TextIO, UnfailingStream(sys.stderr))
    told: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    written: list[Processor] = [
        structlog.processors.ExceptionRenderer(format_traceback),
        RENDERERS[settings.log_format],
    ]
    structlog.configure(
        processors=[*told, *written],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    libraries = logging.StreamHandler(stream)
    libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*told, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *written],
        )
    )
    logging.basicConfig(level=level, handlers=[libraries], force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def line_of(process: str, line: str, log_format: LogFormat) -> str:
    """A line of a process, with the name of that: in JSON, what is none becomes its event."""
    if log_format is LogFormat.LOGFMT:
        return f"{process:>8} | {line}"
    head = json.dumps({"process": process})
    if line.startswith('{"') and line.endswith("}"):
        return f"{head[:-1]}, {line[1:]}"
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    told = {"event": line, "level": LogLevel.INFO, "timestamp": now}
    return f"{head[:-1]}, {json.dumps(told)[1:]}"
