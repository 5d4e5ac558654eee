"""Logs: ours and the libraries' lines in one format, as far as the settings say."""

import json
import logging

import psycopg
import pytest
import structlog

from plugin.runtime import logs
from plugin.settings import LogFormat, get_settings


@pytest.fixture
def lines(monkeypatch, capsys):
    """Return what is logged under some settings."""
    before, ours = logging.root.handlers[:], structlog.get_config()
    levels = {name: logging.getLogger(name).level for name in ("", *logs.QUIET_LOGGERS)}

    def log(**given):
        for name, value in given.items():
            monkeypatch.setenv(f"REGULARS_{name.upper()}", value)
        get_settings.cache_clear()
        logs.set_up_logs()
        speak()
        return capsys.readouterr().err.splitlines()

    yield log
    logging.root.handlers[:] = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.configure(**ours)
    get_settings.cache_clear()


def speak():
    """Say something of each kind."""
    ours = structlog.get_logger()
    ours.debug("job.begun", job=1)
    ours.info("job.done", job=1, name="über")
    ours.warning("job.slow", job=1)
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.error").error("Invalid HTTP request received.")
    try:
        raise ValueError("no such row")
    except ValueError:
        logging.getLogger("dramatiq.worker.WorkerThread").exception("Failed to process")
    logging.getLogger("mail.log").debug("RCPT TO: mia@example.com")


def test_each_line_in_json_is_one_object_the_web_servers_and_dramatiqs_too(lines):
    told = [json.loads(line) for line in lines(log_format="json")]

    assert [(line["level"], line["event"]) for line in told] == [
        ("info", "job.done"),
        ("warning", "job.slow"),
        ("error", "Invalid HTTP request received."),
        ("error", "Failed to process"),
    ]
    assert all(line["timestamp"].endswith("Z") for line in told)
    assert (told[0]["job"], told[0]["name"]) == (1, "über")
    assert told[2]["logger"] == "uvicorn.error"
    assert "ValueError: no such row" in told[3]["exception"]


def test_each_line_is_key_and_value_unless_it_is_set(lines):
    told = lines()

    assert len(told) == 4
    assert "level=info event=job.done job=1 name=" in told[0]
    assert 'level=error event="Invalid HTTP request received."' in told[2]
    assert "ValueError: no such row" in told[3]


@pytest.mark.parametrize(
    ("level", "count"), [("DEBUG", 5), ("info", 4), ("warning", 3), ("error", 2)]
)
def test_the_level_is_the_settings_and_no_library_tells_addresses(lines, level, count):
    told = lines(log_level=level)

    assert len(told) == count
    assert "mia@example.com" not in "\n".join(told)


@pytest.mark.parametrize("log_format", ["json", "logfmt"])
@pytest.mark.parametrize("library", [True, False])
def test_s24_an_errors_line_tells_where_and_what_kind_and_never_a_value(
    lines, capsys, log_format, library
):
    lines(log_format=log_format)
    logger = logging.getLogger("dramatiq.worker") if library else structlog.get_logger()
    try:
        try:
            int("mia@example.com")
        except ValueError as error:
            raise psycopg.errors.UniqueViolation(
                'duplicate key value violates "profile_email"\n'
                "DETAIL:  Key (shop_id, email)=(1, mia@example.com) exists, +14155550123, Mia."
            ) from error
    except psycopg.Error:
        logger.exception("digest.failed")

    told = capsys.readouterr().err
    assert "invalid literal for int() with base 10: …" in told
    assert "psycopg.errors.UniqueViolation: duplicate key value violates …" in told
    assert "test_logs.py" in told
    assert "DETAIL" not in told
    assert not any(word in told for word in ("example.com, ", "'mia@", "4155550123", "Mia"))


def test_a_format_or_level_that_there_is_not_is_named(lines):
    with pytest.raises(Exception, match=r"REGULARS_LOG_FORMAT must be logfmt or json\."):
        lines(log_format="xml")
    with pytest.raises(
        Exception, match=r"REGULARS_LOG_LEVEL must be debug, info, warning or error"
    ):
        lines(log_format="json", log_level="loud")


def test_in_json_serve_names_the_process_of_each_line_and_wraps_what_is_none():
    inner = '{"event": "worker.started", "level": "info"}'

    told = [
        json.loads(logs.line_of("worker", line, LogFormat.JSON))
        for line in (inner, "Traceback (most recent call last):")
    ]

    assert told[0] == {"process": "worker", "event": "worker.started", "level": "info"}
    assert told[1].pop("timestamp").endswith("Z")
    assert told[1] == {
        "process": "worker", "event": "Traceback (most recent call last):", "level": "info",
    }  # fmt: skip
    assert logs.line_of("web", "hello", LogFormat.LOGFMT) == "     web | hello"
