"""Commands of an operator's day: examine the installation and the stores, retry what failed."""

from typing import Annotated

import typer

from plugin.cli.options import Store

group = typer.Typer()


@group.command()
def doctor() -> None:
    """Look at everything that an installation needs: a line for each, and what to do."""
    from plugin.cli.doctor.examination import examine
    from plugin.cli.doctor.findings import Level

    levels = set()
    for finding in examine():
        typer.echo(str(finding))
        levels.add(finding.level)
    if Level.FAILED in levels:
        raise typer.Exit(1)


@group.command()
def shops() -> None:
    """List the stores: installed or not, since when, and what they have."""
    from plugin.cli.operator import stores
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    connect_broker()
    require_schema()
    for line in stores.list_stores():
        typer.echo(line)


@group.command()
def retry(
    shop: Store = "",
    topic: Annotated[str, typer.Option(help="Only this topic: orders/create, …")] = "",
    reason: Annotated[str, typer.Option(help="Only those with these words in the reason.")] = "",
    show: Annotated[bool, typer.Option("--list", help="Only list topics and reasons.")] = False,
) -> None:
    """Read a store's failed webhooks once more."""
    from plugin.cli.backfill import choose_shop
    from plugin.cli.operator import stores
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    connect_broker()
    require_schema()
    store = choose_shop(shop)
    told = stores.list_failed(store) if show else stores.retry_failed(store, topic, reason)
    for line in told:
        typer.echo(line)


@group.command()
def send_test(
    address: Annotated[str, typer.Argument(help="Whom to send it to.")],
    shop: Store = "",
    sender: Annotated[str, typer.Option("--from", help="Sender, if no store has one yet.")] = "",
) -> None:
    """Send a test mail through the relay, and say what became of it."""
    from plugin.cli.operator import trial_mail
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    trial_mail.require_relay()
    connect_broker()
    require_schema()
    typer.echo(trial_mail.send_test_mail(address, shop, sender))
