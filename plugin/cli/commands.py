"""The command `regulars`. Each command loads what it needs, so that --help is quick."""

import sys
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from plugin.cli import (
    backup_commands,
    data_commands,
    demo_commands,
    operator_commands,
    privacy_commands,
    run_commands,
)
from plugin.errors import RegularsError

command = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
MODULES = (
    run_commands,
    operator_commands,
    backup_commands,
    data_commands,
    privacy_commands,
    demo_commands,
)
for module in MODULES:
    command.add_typer(module.group)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"regulars {installed_version('regulars')}")
        raise typer.Exit


@command.callback()
def begin(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Turns a store's visitors into regulars."""


def main() -> None:
    """Run the command; an error that a person can fix is one sentence, without a traceback."""
    try:
        command(prog_name="regulars")
    except RegularsError as error:
        for line in error.message.splitlines():
            typer.echo(f"regulars: {line}", err=True)
        sys.exit(1)
