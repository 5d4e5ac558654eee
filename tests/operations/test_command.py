"""The command: quick to help, and one sentence for each error that a person can fix."""

import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.operations.processes import SETTINGS, environment, free_port, run

ROOT = Path(__file__).parents[2]
HEAVY = ("sqlalchemy", "pydantic", "starlette", "dramatiq", "uvicorn", "jinja2", "httpx2")


def sentence(answer: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that it printed."""
    assert answer.returncode != 0
    assert "Traceback" not in answer.stderr + answer.stdout
    [line] = answer.stderr.strip().splitlines()
    return line


def test_help_loads_nothing_and_needs_no_settings(tmp_path):
    look = (
        "import sys, regulars, plugin.cli.commands; "
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", look],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "[]"

    told = run("--help", cwd=tmp_path)

    assert told.returncode == 0
    assert all(
        name in told.stdout for name in ("serve", "demo", "tour", "migrate", "worker", "sender")
    )


@pytest.mark.parametrize("missing", sorted(SETTINGS))
def test_a_missing_setting_is_named(tmp_path, missing):
    settings = {name: value for name, value in SETTINGS.items() if name != missing}

    said = sentence(run("serve", cwd=tmp_path, **settings))

    assert said == f"regulars: {missing} is not set. Set it in the environment or in .env."


@pytest.mark.parametrize(
    ("command", "settings", "expected"),
    [
        ("clock", {"REGULARS_SECRET_KEY": "short"}, "at least 32 characters"),
        ("migrate", {"REGULARS_DATABASE_URL": "mysql://x/y"}, "must begin with sqlite://"),
        (
            "migrate",
            {"REGULARS_DATABASE_URL": "postgresql://someone:geheim@127.0.0.1:1/x"},
            "cannot be reached",
        ),
        ("worker", {"REGULARS_BROKER_URL": "redis://127.0.0.1:1"}, "Can't reach the broker"),
        ("worker", {"REGULARS_BROKER_URL": "http://127.0.0.1:1"}, "must begin with redis://"),
        ("clock", {}, "Can't reach the broker"),
        ("migrate", {"REGULARS_DATA_DIR": "/proc/nowhere"}, "Can't write to"),
        ("ledger", {}, "Run `regulars migrate` first"),
        ("backfill", {}, "Run `regulars migrate` first"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(tmp_path, command, settings, expected):
    said = sentence(run(command, cwd=tmp_path, **(SETTINGS | settings)))

    assert expected in said
    assert "geheim" not in said


def test_a_taken_port_is_named(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        said = sentence(run("serve", "--port", str(port), cwd=tmp_path, **SETTINGS))

    assert f"Can't use port {port} on 127.0.0.1" in said
    assert "--port" in said


def test_a_port_that_there_is_not_is_one_line(tmp_path):
    said = sentence(run("serve", "--port", "99999", cwd=tmp_path, **SETTINGS))

    assert said == "regulars: There is no port 99999. Choose one from 1 to 65535."


def test_a_folder_for_shopifys_files_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()

    said = sentence(run("manifest", "--dir", "file/app", cwd=tmp_path))

    assert said == (
        "regulars: Can't write to file/app: Not a directory. Choose another folder with --dir."
    )


def test_a_file_that_is_not_there_is_named_before_anything_else(tmp_path):
    said = sentence(run("import", "nofile.csv", cwd=tmp_path))

    assert said == "regulars: File not found: nofile.csv."


def test_the_version_is_the_packages(tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    answer = run("--version", cwd=tmp_path)

    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == f"regulars {project['version']}\n"


def test_a_database_that_is_away_ends_serve_with_its_reason(tmp_path):
    away = {"REGULARS_DATABASE_URL": "postgresql://127.0.0.1:1/x"}

    answer = run("serve", "--port", str(free_port()), cwd=tmp_path, **(SETTINGS | away))

    assert answer.returncode == 1
    assert "cannot be reached" in answer.stdout
    assert "`migrate` failed" in answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
