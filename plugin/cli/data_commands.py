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
    again: Annotated[bool, typer.Option(help="Import everything again.")] = False,
) -> None:
    """Import a store's history: customers, products, orders and abandoned checkouts."""
    from plugin.cli import backfill as cli_backfill
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    connect_broker()
    require_schema()
    cli_backfill.run_backfill(cli_backfill.choose_shop(shop), again=again)


@group.command("import")
def import_profiles(
    file: Annotated[Path, typer.Argument(help="CSV file with column names in its first row.")],
    shop: Store = "",
    *,
    column: Annotated[
        list[str] | None, typer.Option(help="Map a column: 'Column name=email'.")
    ] = None,
    list_name: Annotated[str, typer.Option("--list", help="List to add people to.")] = "",
    consent: Annotated[
        list[str] | None, typer.Option(help="Channel everyone opted in to: email, sms, …")
    ] = None,
    where: Annotated[str, typer.Option(help="Where they opted in.")] = "",
    on: Annotated[str, typer.Option(help="Latest opt-in date: 2026-11-21.")] = "",
    properties: Annotated[bool, typer.Option(help="Save unknown columns as properties.")] = False,
    start_flows: Annotated[bool, typer.Option(help="Start the list's flows.")] = False,
) -> None:
    """Import profiles from a CSV file, with consent if they opted in."""
    if not file.is_file():
        raise RegularsError(f"File not found: {file}.")

    from plugin.cli import backfill as cli_backfill
    from plugin.cli import imports
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema
    from plugin.runtime.garbage import end_loading

    logs.set_up_logs()
    connect_broker()
    require_schema()
    end_loading()
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
    typer.echo(f"{done.rows - done.rejected:,} imported, {done.rejected:,} skipped.")


@group.command()
def export(
    shop: Store = "",
    list_name: Annotated[str, typer.Option("--list", help="Only members of this list.")] = "",
    form: Annotated[str, typer.Option("--format", help="File format: csv or parquet.")] = "csv",
    out: Out = None,
) -> None:
    """Export the audience as CSV or Parquet."""
    from plugin.cli import backfill as cli_backfill
    from plugin.cli import imports
    from plugin.profiles.export import FORMATS
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    if form not in FORMATS:
        raise RegularsError(f"Unknown format {form}. Use {' or '.join(FORMATS)}.")
    if form != "csv" and out is None:
        raise RegularsError("Parquet is binary. Write it to a file: --out audience.parquet.")
    logs.set_up_logs()
    connect_broker()
    require_schema()
    store = cli_backfill.choose_shop(shop)
    list_id = imports.list_named(store, list_name) if list_name else None
    if list_name and list_id is None:
        raise RegularsError(f"List not found: {list_name}.")
    write_output(FORMATS[form].write(store.id, list_id), out)


@group.command()
def reconcile(
    shop: Store = "",
    dry_run: Annotated[
        bool, typer.Option(help="Show differences without changing anything.")
    ] = False,
) -> None:
    """Compare a store with Shopify and recover what was missed."""
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
