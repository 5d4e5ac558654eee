"""Commands on what is kept about one shopper, and on the consent ledger."""

import sys
from typing import Annotated

import typer

from plugin.cli.options import Customer, Domain, Email, Out, Phone, to_line, write_output

group = typer.Typer()


@group.command()
def forget(domain: Domain, email: Email = "", phone: Phone = "", customer: Customer = "") -> None:
    """Delete a customer's data. They get no marketing unless they sign up again."""
    from plugin.cli import privacy
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    connect_broker()
    require_schema()
    if privacy.redact_customer(domain, email, phone, customer):
        typer.echo("Customer data deleted.")
    else:
        typer.echo("Customer data deleted. The workers delete what is still waiting in webhooks.")


@group.command()
def export_person(
    domain: Domain,
    *,
    email: Email = "",
    phone: Phone = "",
    customer: Customer = "",
    out: Out = None,
) -> None:
    """Export a customer's data as JSON."""
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
    *,
    email: Email = "",
    phone: Phone = "",
    customer: Customer = "",
    csv: Annotated[bool, typer.Option("--csv", help="CSV instead of JSON.")] = False,
    out: Out = None,
) -> None:
    """Export a customer's consent proof, and whether its hash chain is intact."""
    from plugin.cli import privacy
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    connect_broker()
    require_schema()
    write_output([to_line(privacy.consent_proof(domain, email, phone, customer, table=csv))], out)


@group.command()
def ledger(
    store: Annotated[str, typer.Option("--shop", help="Only this store.")] = "",
) -> None:
    """Verify the consent ledger: list every entry that was changed, removed or moved."""
    from plugin.consent import proof
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    connect_broker()
    require_schema()
    if flaws := proof.check_ledger(store.strip().lower()):
        typer.echo("\n".join(flaws))
        sys.exit(1)
    typer.echo("Consent ledger verified. No problems found.")
