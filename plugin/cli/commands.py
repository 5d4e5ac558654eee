"""The command `regulars`. Each command loads what it needs, so that --help is quick."""

import sys

import typer

from plugin.cli import data_commands, demo_commands, privacy_commands, run_commands
from plugin.errors import RegularsError

command = typer.Typer(
    help="Turns a store's visitors into regulars.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (run_commands, data_commands, privacy_commands, demo_commands):
    command.add_typer(module.group)


def main() -> None:
    """Run the command; an error that a person can fix is one sentence, without a traceback."""
    try:
        command(prog_name="regulars")
    except RegularsError as error:
        typer.echo(f"regulars: {error.message}", err=True)
        sys.exit(1)
