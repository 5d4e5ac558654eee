"""Commands that run the app, and prepare what it runs on."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from plugin.cli.options import HOST, PORT, Host, Port, Processes, Senders, Threads
from plugin.errors import RegularsError

group = typer.Typer()


@group.command()
def serve(
    *,
    host: Host = HOST,
    port: Port = PORT,
    web: Annotated[int, typer.Option(min=1, help="Number of web processes.")] = 1,
    workers: Processes = 1,
    senders: Senders = 1,
    threads: Threads = 4,
) -> None:
    """Run everything on this machine: broker, web, workers, senders and clock."""
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
        workers=workers,
        senders=senders,
        threads=threads,
        on_ready=lambda: print_line(
            "serve", f"ready at http://{host}:{port}, outside {settings.url}", settings.log_format
        ),
    )


@group.command()
def web(
    host: Host = HOST,
    port: Port = PORT,
    fd: Annotated[int | None, typer.Option(hidden=True, help="Socket to take over.")] = None,
) -> None:
    """Run one web process."""
    import socket

    import uvicorn

    from plugin.runtime import logs
    from plugin.runtime.connections import LimitedProtocol
    from plugin.runtime.supervisor import open_listener

    logs.set_up_logs()
    config = uvicorn.Config(
        "regulars:app",
        http=LimitedProtocol,
        log_config=None,
        access_log=False,  # addresses of unsubscribe pages carry tokens
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=6,
    )
    listener = open_listener(host, port) if fd is None else socket.socket(fileno=fd)
    uvicorn.Server(config).run(sockets=[listener])


@group.command()
def worker(processes: Processes = 1, threads: Threads = 4) -> None:
    """Run workers, which do everything but send."""
    _run_actors("regulars:broker", processes, threads)


@group.command()
def sender(processes: Senders = 1, threads: Threads = 4) -> None:
    """Run senders, which do nothing but send messages."""
    _run_actors("regulars:senders", processes, threads)


def _run_actors(broker: str, processes: int, threads: int) -> None:
    from plugin.runtime.parent_death import SUPERVISED_VARIABLE

    if SUPERVISED_VARIABLE not in os.environ:  # else the supervisor has upgraded and waited
        from plugin.backups.unsent import require_decision
        from plugin.runtime.connect import connect_broker, require_broker, require_schema

        require_broker(connect_broker())
        require_schema()
        require_decision()
    words = ["-m", "dramatiq", broker, "--skip-logging"]
    words += ["--processes", str(processes), "--threads", str(threads)]
    words += ["--worker-shutdown-timeout", "10000"]  # ms
    os.execv(sys.executable, [sys.executable, *words])


@group.command()
def clock() -> None:
    """Run the clock, which enqueues what is due for the workers."""
    from plugin.backups.unsent import require_decision
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker, require_broker, require_schema
    from plugin.runtime.parent_death import exit_with_supervisor

    logs.set_up_logs()
    exit_with_supervisor()
    require_broker(connect_broker())
    require_schema()
    require_decision()

    from plugin.runtime.garbage import end_loading
    from plugin.worker.scheduler import run_clock

    end_loading()
    run_clock()


@group.command()
def migrate(
    before_serving: Annotated[
        bool, typer.Option(hidden=True, help="Then fail if a restored backup is undecided.")
    ] = False,
) -> None:
    """Upgrade the database to the latest version."""
    from plugin.backups.unsent import require_decision
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
    if before_serving:
        require_decision()


@group.command()
def manifest(
    folder: Annotated[Path, typer.Option("--dir", help="Folder that Shopify CLI reads.")] = Path(),
    check: Annotated[bool, typer.Option(help="Write nothing; fail if a file differs.")] = False,
) -> None:
    """Write shopify.app.toml and the extension files from manifest.toml."""
    from plugin.shopify.install import app_config

    if not check:
        for path in app_config.write_config(folder):
            typer.echo(f"wrote {path}")
    elif differences := app_config.find_drift(folder):
        typer.echo("\n".join(differences))
        typer.echo("Run `regulars manifest` to update these files.")
        sys.exit(1)
