"""Commands on a store's data: read its past, compare it, import and export profiles."""

from pathlib import Path
from typing import Annotated

import typer

from plugin.cli.options import Out, Store, write_output
from plugin.errors import RegularsError

group = typer.Typer()


@group.command()
def backfill(
    shop: Store = "",
    again: Annotated[bool, typer.Option(help="Read all of it once more.")] = False,
) -> None:
    """Read a store's past: its customers, products, orders and checkouts left behind."""
    from plugin.cli import backfill as cli_backfill
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    connect_broker()
    require_schema()
    cli_backfill.run_backfill(cli_backfill.choose_shop(shop), again=again)


@group.command("import")
def import_profiles(
    file: Annotated[Path, typer.Argument(help="A file of separated values, with a header.")],
    shop: Store = "",
    column: Annotated[
        list[str] | None, typer.Option(help="What a column is: 'Column name=email', …")
    ] = None,
    list_name: Annotated[str, typer.Option("--list", help="The list that they join.")] = "",
    consent: Annotated[
        list[str] | None, typer.Option(help="A channel that all of them agreed to: email, sms, …")
    ] = None,
    where: Annotated[str, typer.Option(help="Where they agreed to it.")] = "",
    on: Annotated[str, typer.Option(help="When, at the latest: 2026-11-21.")] = "",
    properties: Annotated[bool, typer.Option(help="Keep unknown columns as properties.")] = False,
    start_flows: Annotated[bool, typer.Option(help="Let the list's flows begin.")] = False,
) -> None:
    """Take in profiles from a CSV file, with their consent if they gave it."""
    from plugin.cli import backfill as cli_backfill
    from plugin.cli import imports
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, freeze_gc, require_schema

    logs.set_up_logs()
    connect_broker()
    require_schema()
    freeze_gc()
    named = dict(each.rpartition("=")[::2] for each in column or ())
    done = imports.import_file(
        cli_backfill.choose_shop(shop),
        file,
        named=named,
        list_name=list_name,
        channels=tuple(consent or ()),
        where=where,
        on=on,
        properties=properties,
        starts_flows=start_flows,
    )
    typer.echo(f"{done.rows - done.rejected:,} taken in, {done.rejected:,} left out.")


@group.command()
def export(
    shop: Store = "",
    list_name: Annotated[str, typer.Option("--list", help="Only who is on this list.")] = "",
    form: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    out: Out = None,
) -> None:
    """Write the audience as CSV or Parquet."""
    from plugin.cli import backfill as cli_backfill
    from plugin.cli import imports
    from plugin.profiles.export import FORMATS
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    if form not in FORMATS:
        raise RegularsError(f"There is no format {form}: say {' or '.join(FORMATS)}.")
    if form != "csv" and out is None:
        raise RegularsError("This format is no text. Say a file for it: --out audience.parquet.")
    logs.set_up_logs()
    connect_broker()
    require_schema()
    store = cli_backfill.choose_shop(shop)
    list_id = imports.list_named(store, list_name) if list_name else None
    if list_name and list_id is None:
        raise RegularsError(f"There is no list {list_name}.")
    write_output(FORMATS[form].write(store.id, list_id), out)


@group.command()
def reconcile(
    shop: Store = "",
    dry_run: Annotated[bool, typer.Option(help="Only tell what differs; change nothing.")] = False,
) -> None:
    """Compare a store with Shopify, and repair what was missed."""
    from plugin.cli import backfill as cli_backfill
    from plugin.cli import reconcile as cli_reconcile
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    connect_broker()
    require_schema()
    store = cli_backfill.choose_shop(shop)
    told = (
        cli_reconcile.list_differences(store)
        if dry_run
        else cli_reconcile.repair_differences(store)
    )
    for line in told:
        typer.echo(line)
