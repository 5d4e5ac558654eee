"""Commands on what is kept about one shopper, and on the consent ledger."""

import sys
from typing import Annotated

import typer

from plugin.cli.options import Customer, Domain, Email, Out, Phone, to_line, write_output

group = typer.Typer()


@group.command()
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


@group.command()
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
    write_output([to_line(privacy.export_customer(domain, email, phone, customer))], out)


@group.command()
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
    write_output([to_line(privacy.consent_proof(domain, email, phone, customer, table=csv))], out)


@group.command()
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
