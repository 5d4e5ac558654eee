"""The entry points: `main` is the command, `app` the web, `broker` the workers', `senders` the
senders'.

All but `main` are made on first use, so that `regulars --help` needs no settings and loads
nothing.
"""

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).with_suffix("")))  # in a wheel our parts lie in regulars/


PRIVATE_UMASK = 0o077  # what we write is our user's alone, as what our children write is


def main() -> None:
    """The command `regulars`."""
    os.umask(PRIVATE_UMASK)
    from plugin.runtime.garbage import begin_loading

    begin_loading()

    from plugin.cli.commands import main as command

    command()


def _app() -> Any:
    from plugin.runtime.garbage import begin_loading

    begin_loading()  # until the web has started

    from admin_ui.app import routes as admin_routes
    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker
    from plugin.runtime.parent_death import exit_with_supervisor
    from plugin.runtime.web import build_app
    from plugin.settings import get_settings
    from storage.engine import db
    from webhooks.app import routes as webhook_routes

    logs.set_up_logs()
    exit_with_supervisor()
    connect_broker(lock_timeout_s=db.WEB_LOCK_TIMEOUT_S)
    return build_app(
        [*webhook_routes(), *admin_routes()],
        https=get_settings().url.startswith("https://"),
    )


def _broker() -> Any:
    return _connected("actors")


def _senders() -> Any:
    return _connected("senders")


def _connected(actors: str) -> Any:
    """The broker, with the actors of a module of `plugin.worker`, which declare themselves."""
    import importlib

    from plugin.runtime.garbage import begin_loading, end_loading

    begin_loading()

    from plugin.runtime import logs
    from plugin.runtime.connect import connect_broker
    from plugin.runtime.worker_death import ExitWithParent

    logs.set_up_logs()
    broker = connect_broker()
    broker.add_middleware(ExitWithParent())

    importlib.import_module(f"plugin.worker.{actors}")

    end_loading()
    return broker


def __getattr__(name: str) -> Any:
    makers = {"app": _app, "broker": _broker, "senders": _senders}
    if name not in makers:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    os.umask(PRIVATE_UMASK)
    globals()[name] = makers[name]()
    return globals()[name]


if __name__ == "__main__":
    main()
