"""The command `regulars`. Each command loads what it needs, so that --help is quick."""

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from plugin.errors import RegularsError

HOST, PORT = "127.0.0.1", 8000

command = typer.Typer(
    help="Turns a store's visitors into regulars.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Host = Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for every one.")]
Port = Annotated[int, typer.Option(help="The port to listen on.")]
Processes = Annotated[int, typer.Option(help="Worker processes.")]
Domain = Annotated[str, typer.Option("--shop", help="The shop's myshopify.com domain.")]
Store = Annotated[str, typer.Option("--shop", help="Its domain, if not the only one.")]
Email = Annotated[str, typer.Option(help="The customer's email.")]
Phone = Annotated[str, typer.Option(help="The customer's phone number, best with its +.")]
Customer = Annotated[str, typer.Option("--customer-id", help="Shopify's id of the customer.")]
Out = Annotated[Path | None, typer.Option(help="A file for it, for its owner only.")]
Threads = Annotated[int, typer.Option(help="Threads in each worker process.")]


def main() -> None:
    """Run the command; an error that a person can fix is one sentence, without a traceback."""
    try:
        command(prog_name="regulars")
    except RegularsError as error:
        typer.echo(f"regulars: {error.message}", err=True)
        sys.exit(1)


@command.command()
def serve(
    host: Host = HOST,
    port: Port = PORT,
    web: Annotated[int, typer.Option(help="Web processes.")] = 1,
    workers: Processes = 1,
    threads: Threads = 4,
) -> None:
    """Run everything on this machine: broker, web, workers and clock."""
    from plugin.runtime.parent_death import exit_with_supervisor
    from plugin.runtime.supervisor import print_line
    from plugin.runtime.supervisor import serve as run
    from plugin.settings import get_settings

    exit_with_supervisor()
    settings = get_settings()
    run(
        settings,
        host=host,
        port=port,
        web=web,
        processes=workers,
        threads=threads,
        on_ready=lambda: print_line(
            "serve", f"ready at http://{host}:{port}, outside {settings.url}"
        ),
    )


@command.command()
def web(
    host: Host = HOST,
    port: Port = PORT,
    fd: Annotated[int | None, typer.Option(hidden=True, help="A socket to take over.")] = None,
) -> None:
    """Run one web process."""
    import socket

    import uvicorn

    from plugin.runtime import logs
    from plugin.runtime.supervisor import open_listener

    logs.set_up_logs()
    config = uvicorn.Config(
        "regulars:app",
        log_config=None,
        access_log=False,  # addresses of unsubscribe pages carry tokens
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=6,
    )
    listener = open_listener(host, port) if fd is None else socket.socket(fileno=fd)
    uvicorn.Server(config).run(sockets=[listener])


@command.command()
def worker(processes: Processes = 1, threads: Threads = 4) -> None:
    """Run workers."""
    from plugin.runtime.connect import connect_broker, require_broker, require_schema

    require_broker(connect_broker())
    require_schema()
    words = ["-m", "dramatiq", "regulars:broker", "--skip-logging"]
    words += ["--processes", str(processes), "--threads", str(threads)]
    words += ["--worker-shutdown-timeout", "10000"]  # ms
    os.execv(sys.executable, [sys.executable, *words])


@command.command()
def clock() -> None:
    """Run the clock, which enqueues what is due for the workers."""
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_broker, require_schema
    from plugin.runtime.parent_death import exit_with_supervisor

    logs.set_up_logs()
    exit_with_supervisor()
    require_broker(connect_broker())
    require_schema()

    from plugin.worker.scheduler import run_clock

    run_clock()


@command.command()
def migrate() -> None:
    """Bring the database to the newest version."""
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_database
    from plugin.settings import get_settings
    from storage import schema
    from storage.engine import db

    logs.set_up_logs()
    connect_database(get_settings())
    try:
        schema.upgrade()
    except db.DatabaseError as error:
        raise RegularsError(str(error)) from None


@command.command()
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


@command.command("import")
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


@command.command()
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
    _hand_over(FORMATS[form].write(store.id, list_id), out)


@command.command()
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


@command.command()
def manifest(
    folder: Annotated[Path, typer.Option("--dir", help="Where Shopify's tools look.")] = Path(),
    check: Annotated[bool, typer.Option(help="Write nothing; fail where a file differs.")] = False,
) -> None:
    """Write shopify.app.toml and the extensions' files, as manifest.toml has them."""
    from plugin.shopify.install import app_config

    if not check:
        for path in app_config.write_config(folder):
            typer.echo(f"wrote {path}")
    elif differences := app_config.find_drift(folder):
        typer.echo("\n".join(differences))
        typer.echo("Run `regulars manifest` to write these files again.")
        sys.exit(1)


@command.command()
def forget(domain: Domain, email: Email = "", phone: Phone = "", customer: Customer = "") -> None:
    """Delete a customer's data; no marketing reaches them again."""
    from plugin.cli import privacy
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    connect_broker()
    require_schema()
    if privacy.redact_customer(domain, email, phone, customer):
        typer.echo("The customer's data is deleted.")
    else:
        typer.echo("Deleted, except for webhooks that wait: the workers delete those.")


@command.command()
def export_person(
    domain: Domain,
    email: Email = "",
    phone: Phone = "",
    customer: Customer = "",
    out: Out = None,
) -> None:
    """Write a customer's data as JSON."""
    from plugin.cli import privacy
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    connect_broker()
    require_schema()
    _hand_over([_line(privacy.export_customer(domain, email, phone, customer))], out)


@command.command()
def proof(
    domain: Domain,
    email: Email = "",
    phone: Phone = "",
    customer: Customer = "",
    csv: Annotated[bool, typer.Option("--csv", help="A table instead of JSON.")] = False,
    out: Out = None,
) -> None:
    """Write the proof of a shopper's consents, with the verdict on its chain of hashes."""
    from plugin.cli import privacy
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    connect_broker()
    require_schema()
    _hand_over([_line(privacy.consent_proof(domain, email, phone, customer, table=csv))], out)


@command.command()
def ledger(
    store: Annotated[str, typer.Option("--shop", help="One shop's alone.")] = "",
) -> None:
    """Verify the consent ledger: name every entry that was changed, taken away or moved."""
    from plugin.consent import proof
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    connect_broker()
    require_schema()
    if flaws := proof.check_ledger(store.strip().lower()):
        typer.echo("\n".join(flaws))
        sys.exit(1)
    typer.echo("Every entry is as it was written, and every state follows from the entries.")


def _line(text: str) -> bytes:
    return (text if text.endswith("\n") else text + "\n").encode()


def _hand_over(pieces: Iterable[bytes], out: Path | None) -> None:
    """Print personal data, or write it into a file that only its owner can read.

    A new file replaces an old one once it is whole: readers of the old one cannot read the new one,
    and none is left half written.
    """
    if out is None:
        sys.stdout.buffer.writelines(pieces)
        return
    if out.exists() and not out.is_file():
        raise RegularsError(f"{out} is no file.")
    try:
        with tempfile.NamedTemporaryFile(dir=out.parent, prefix=".", delete=False) as file:
            try:
                file.writelines(pieces)
            except BaseException:
                Path(file.name).unlink()
                raise
        Path(file.name).replace(out)
    except OSError as error:
        raise RegularsError(f"{out} cannot be written: {error.strerror}.") from None
    typer.echo(f"wrote {out}", err=True)


@command.command()
def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where the demo is kept.")] = Path(
        "var/demo"
    ),
    port: Port = PORT,
    shop_port: Annotated[int, typer.Option(help="The sample store's port.")] = 8001,
    smtp_port: Annotated[int, typer.Option(help="The mailbox's port.")] = 8025,
    fresh: Annotated[bool, typer.Option(help="Forget the demo's data and start over.")] = False,
) -> None:
    """Run everything with a sample store, ready to click through."""
    from plugin.cli.demo import run_demo
    from plugin.runtime.parent_death import exit_with_supervisor

    exit_with_supervisor()
    run_demo(folder, port=port, shop_port=shop_port, smtp_port=smtp_port, fresh=fresh)


@command.command()
def tour(
    out: Annotated[Path, typer.Option(help="Where pictures and data go.")] = Path("var/tour"),
    browser: Annotated[bool, typer.Option(help="Play it in a real browser.")] = True,
) -> None:
    """Play the whole story against a fresh demo, and check each step."""
    from devstore.tour import play

    sys.exit(play(out, browser=browser))


@command.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def devstore(context: typer.Context) -> None:
    """Run the sample store alone; `regulars devstore --help` tells its options.

    `regulars devstore seed --shop DOMAIN` fills a shop of Regulars itself with made-up people.
    """
    from devstore.serve import main as run
    from plugin.runtime.parent_death import exit_with_supervisor

    if context.args[:1] == ["seed"] and any(w.startswith("--shop") for w in context.args):
        from plugin.cli.town import main as fill_shop

        fill_shop(context.args[1:])
        return
    exit_with_supervisor()
    run(context.args)
