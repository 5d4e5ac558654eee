"""Commands around the sample store."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from plugin.cli.options import PORT, Port

group = typer.Typer()


@group.command()
def demo(
    *,
    folder: Annotated[Path, typer.Option("--dir", help="Folder for the demo's data.")] = Path(
        "var/demo"
    ),
    port: Port = PORT,
    shop_port: Annotated[int, typer.Option(help="Port of the sample store.")] = 8001,
    smtp_port: Annotated[int, typer.Option(help="Port of the mailbox.")] = 8025,
    past: Annotated[
        int, typer.Option(min=0, max=10_000, help="Customers that a new store has already.")
    ] = 200,
    fresh: Annotated[bool, typer.Option(help="Delete the demo's data and start over.")] = False,
) -> None:
    """Run everything with a sample store, ready to click through."""
    from plugin.cli.demo import run_demo
    from plugin.runtime.parent_death import exit_with_supervisor

    exit_with_supervisor()
    run_demo(folder, port=port, shop_port=shop_port, smtp_port=smtp_port, fresh=fresh, past=past)


@group.command()
def tour(
    out: Annotated[Path, typer.Option(help="Folder for screenshots and data.")] = Path("var/tour"),
    browser: Annotated[bool, typer.Option(help="Use a real browser.")] = True,
) -> None:
    """Play the whole story in a fresh demo and check each step."""
    from devstore.people.tour import play

    sys.exit(play(out, browser=browser))


@group.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def devstore(context: typer.Context) -> None:
    """Run only the sample store. `regulars devstore --help` lists its options.

    `regulars devstore seed --shop DOMAIN` fills a store with made-up customers.
    """
    from devstore.serve import main as run
    from plugin.runtime.parent_death import exit_with_supervisor

    if context.args[:1] == ["seed"] and any(w.startswith("--shop") for w in context.args):
        from plugin.cli.town import main as fill_shop

        fill_shop(context.args[1:])
        return
    exit_with_supervisor()
    run(context.args)
