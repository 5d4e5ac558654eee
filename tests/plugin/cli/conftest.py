"""The command, run in this process."""

import pytest
from typer.testing import CliRunner

from plugin.cli.commands import command
from plugin.runtime import connect


@pytest.fixture
def run(shop, monkeypatch):
    """The command, on the test's own database; what it prints, or its error."""
    monkeypatch.setattr(connect, "connect_broker", lambda: None)
    monkeypatch.setattr("plugin.runtime.logs.set_up_logs", lambda: None)

    def run(*words):
        answer = CliRunner().invoke(command, words)
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            return answer.exception.message
        return answer.stdout.strip()

    return run
