"""Commands for backups: make one, bring it back, and say what of it was sent."""

from pathlib import Path
from typing import Annotated

import typer

from plugin.errors import RegularsError

group = typer.Typer()


@group.command()
def backup(
    file: Annotated[Path, typer.Argument(help="File to write, readable only by its owner.")],
) -> None:
    """Back everything up into one file, while it runs. The secret key is not in it."""
    from plugin.backups.backup import make_backup
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema

    logs.set_up_logs()
    if file.exists():
        raise RegularsError(f"{file} exists. Name a new file.")
    connect_broker()
    require_schema()
    manifest = make_backup(file)
    typer.echo(
        f"wrote {file}: {sum(manifest.rows.values()):,} rows of {len(manifest.rows)} tables, "
        f"{len(manifest.files)} files, {file.stat().st_size:,} bytes"
    )


@group.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `regulars backup` wrote.")],
) -> None:
    """Restore a backup into an empty place; one of SQLite into PostgreSQL, too.

    Nothing is sent until `unsent` is decided.
    """
    from plugin.backups import unsent as unsent_messages
    from plugin.backups.restore import restore_backup
    from plugin.runtime import data_folder, logs
    from plugin.runtime.connect import set_keys
    from plugin.settings import get_settings

    logs.set_up_logs()
    settings = get_settings()
    set_keys(settings)
    data_folder.claim_folder(settings.data_dir)
    manifest = restore_backup(file, settings)
    typer.echo(f"restored the backup of {manifest.made_at:%Y-%m-%d %H:%M} UTC")
    for line in unsent_messages.describe():
        typer.echo(line)


@group.command()
def unsent(
    count_as_sent: Annotated[
        bool, typer.Option("--count-as-sent", help="The lost copy sent them: none goes again.")
    ] = False,
    send: Annotated[bool, typer.Option("--send", help="The lost copy sent none of them.")] = False,
) -> None:
    """After a restore: list what was due by then, and say whether it was sent."""
    from plugin.backups import unsent as unsent_messages
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_schema
    from storage.restorations import UnsentChoice

    logs.set_up_logs()
    if count_as_sent and send:
        raise RegularsError("Choose one: --count-as-sent or --send.")
    connect_broker()
    require_schema()
    if count_as_sent:
        unsent_messages.decide(UnsentChoice.SENT)
        typer.echo("What was due by then counts as sent. `regulars serve` may start.")
        return
    if send:
        unsent_messages.decide(UnsentChoice.SEND)
        typer.echo("What was due by then goes out once `regulars serve` runs.")
        return
    for line in unsent_messages.describe():
        typer.echo(line)
