"""The guides: each command in them is one that there is, and each linked file lies there."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from plugin.cli.commands import command
from plugin.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
COMMANDS = get_command(command).commands
CODE = re.compile(r"(?m)^ {4,}(.+)$|`([^`\n]+)`")
RUN = re.compile(r"(?:^|/|\s)regulars ([a-z][a-z-]*)((?: (?:--?[\w-]+|[^\s-]\S*))*)")
MAX_PICTURE_BYTES = 60_000


def flags(name):
    """The options of a command."""
    return {flag for parameter in COMMANDS[name].params for flag in parameter.opts} | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_each_command_and_option_exists(page):
    unknown = []
    for line in ("".join(found) for found in CODE.findall(page.read_text())):
        if "docker compose" in line and " exec " not in line:
            continue
        for name, rest in RUN.findall(line.partition(" #")[0].replace("exec regulars ", "exec ")):
            if name == "devstore":  # the sample store reads its own options
                continue
            if name not in COMMANDS:
                unknown.append(name)
                continue
            given = re.findall(r"(?<!\S)--[a-z-]+", rest)
            unknown += [f"{name} {flag}" for flag in given if flag not in flags(name)]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_each_link_leads_to_a_file(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())

    assert links
    missing = [each for each in links if "://" not in each and not (page.parent / each).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_each_setting_that_a_guide_names_exists(page):
    named = set(re.findall(r"REGULARS_[A-Z_]+[A-Z]", page.read_text()))

    assert named <= {f"REGULARS_{name.upper()}" for name in Settings.model_fields}


def test_each_setting_for_an_operator_is_explained():
    said = (ROOT / "docs" / "guides" / "settings.md").read_text()
    ours = {"shopify_origin", "app_bridge_url"}  # of the sample store: README's last part

    missing = [name for name in Settings.model_fields if f"REGULARS_{name.upper()}`" not in said]
    assert set(missing) == ours


def test_the_pictures_are_small_and_each_is_shown():
    pictures = sorted((ROOT / "docs" / "guides" / "pictures").iterdir())
    shown = "".join(page.read_text() for page in PAGES)

    assert pictures
    for picture in pictures:
        assert picture.stat().st_size <= MAX_PICTURE_BYTES
        assert f"pictures/{picture.name}" in shown
