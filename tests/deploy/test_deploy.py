"""What deploy/ and .env.example say fits the app: each command, option, setting and file exists."""

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from plugin.cli.commands import command
from plugin.settings import Settings
from tests.operations.processes import run

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = {
    path.name: yaml.safe_load(path.read_text()) for path in sorted(DEPLOY.glob("compose*.yaml"))
}
OURS = [
    (file, name, service)
    for file, of in COMPOSE.items()
    for name, service in of["services"].items()
    if service["image"] == "regulars"
]
EXAMPLE = ROOT / ".env.example"
UNIT = DEPLOY / "systemd" / "regulars.service"
SETTINGS = {f"REGULARS_{name.upper()}" for name in Settings.model_fields}
COMMANDS = get_command(command).commands
NAME = re.compile(r"REGULARS_[A-Z_]+")


def takes(words):
    """Whether the command line has this command, with these options."""
    name, *options = words
    flags = {flag for parameter in COMMANDS[name].params for flag in parameter.opts}
    return all(word in flags for word in options if word.startswith("-"))


def unit():
    """The unit's sections; a setting that is given again is joined to the first."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string(UNIT.read_text())
    return parser


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(DEPLOY.rglob("*")) if p.is_file()] + [EXAMPLE],
    ids=lambda path: path.name,
)
def test_each_setting_that_is_named_exists(path):
    assert set(NAME.findall(path.read_text())) <= SETTINGS


def test_the_example_of_settings_is_what_the_settings_say():
    script = ROOT / "scripts" / "env_example.py"

    told = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )

    assert (told.returncode, told.stdout) == (0, "")


def test_each_setting_has_a_meaning():
    assert [name for name, of in Settings.model_fields.items() if not of.description] == []


def test_the_example_filled_in_is_taken(tmp_path):
    text = EXAMPLE.read_text().replace("SECRET_KEY=", f"SECRET_KEY={'k' * 32}")
    text = re.sub(r"(?m)^(REGULARS_SHOPIFY_\w+=)$", r"\1something", text)
    (tmp_path / ".env").write_text(re.sub(r"(?m)^#(REGULARS_)", r"\1", text))  # each default too

    done = run("migrate", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "var" / "data" / "regulars.db").exists()


@pytest.mark.parametrize(("file", "name", "service"), OURS, ids=lambda each: str(each)[:20])
def test_a_service_of_ours_runs_a_command_that_there_is(file, name, service):
    assert takes(service["command"])


@pytest.mark.parametrize(("file", "name", "service"), OURS, ids=lambda each: str(each)[:20])
def test_a_service_of_ours_may_do_little_and_has_time_to_stop(file, name, service):
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["stop_grace_period"] == "40s"
    assert service["volumes"] == ["data:/var/lib/regulars"]


@pytest.mark.parametrize("file", COMPOSE)
def test_what_a_service_names_is_there(file):
    of = COMPOSE[file]
    for service in of["services"].values():
        assert set(service.get("depends_on", {})) <= set(of["services"])
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in of["volumes"] or (DEPLOY / source).is_file()
        build = service.get("build")
        assert build is None or (DEPLOY / build["context"] / build["dockerfile"]).is_file()


@pytest.mark.parametrize("file", COMPOSE)
def test_only_this_machine_reaches_the_ports_and_its_proxy_is_trusted(file):
    of = COMPOSE[file]
    gateway = of["networks"]["default"]["ipam"]["config"][0]["gateway"]
    for service in of["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        if "build" in service:
            assert gateway in service["environment"]["REGULARS_TRUSTED_PROXIES"].split(",")


def test_many_processes_run_every_part_and_wait_for_the_migration():
    services = COMPOSE["compose.many.yaml"]["services"]
    for name in ("web", "worker", "sender", "clock"):
        assert services[name]["command"][0] == name
        assert services[name]["depends_on"]["migrate"] == {
            "condition": "service_completed_successfully"
        }


def test_the_broker_of_many_keeps_what_it_is_given():
    words = COMPOSE["compose.many.yaml"]["services"]["valkey"]["command"]
    assert words[words.index("--appendonly") + 1] == "yes"
    assert words[words.index("--maxmemory-policy") + 1] == "noeviction"


def test_the_image_checks_hashes_names_no_registry_and_is_not_root():
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[-1] == "10001:10001"
    for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE):
        assert re.fullmatch(r"python:3\.\d+-slim-\w+", base)
    assert "://" not in DOCKERFILE
    installs = re.findall(r"pip install [^\n&\\]*", DOCKERFILE)
    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)


def test_the_image_gets_all_that_the_wheel_is_made_of():
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    wheel = ROOT / "pyproject.toml"
    for name in ("plugin", "webhooks", "admin_ui", "storage", "devstore", "extensions"):
        assert name in kept
        assert f'"{name}"' in wheel.read_text()
    assert all((ROOT / name).exists() for name in kept)
    assert not kept & {".env", "var", ".git"}


def test_the_unit_runs_a_command_that_there_is_as_a_user_without_powers():
    service = unit()["Service"]
    program, *words = service["ExecStart"].split()
    assert program == "/opt/regulars/bin/regulars"
    assert takes(words)
    assert service["DynamicUser"] == "yes"
    assert service["Environment"] == f"REGULARS_DATA_DIR=/var/lib/{service['StateDirectory']}"
    assert service["CapabilityBoundingSet"] == ""
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert int(service["TimeoutStopSec"]) > 30


@pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd-analyze, which is not installed"
)
def test_systemd_takes_the_unit_and_calls_it_safe(tmp_path):
    text = UNIT.read_text()
    copy = tmp_path / UNIT.name
    program = tmp_path / "regulars"
    program.touch(mode=0o755)
    copy.write_text(text.replace("/opt/regulars/bin/regulars", os.fspath(program)))

    verified = subprocess.run(
        ["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False
    )
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", copy],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (verified.returncode, verified.stderr) == (0, "")
    assert rated.returncode == 0, rated.stdout
