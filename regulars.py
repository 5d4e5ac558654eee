"""The front door: `main` is the command, `app` the web, `broker` the workers'.

`app` and `broker` are made when somebody asks for them, so that `regulars --help` needs no
settings and loads nothing.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).with_suffix("")))  # in a wheel our parts lie in regulars/


def main() -> None:
    """The command `regulars`."""
    from plugin.cli.commands import main as command

    command()


def _app() -> Any:
    from admin_ui.app import routes as admin_routes
    from plugin.runtime import logs
    from plugin.runtime.connect import connect
    from plugin.runtime.parent_death import hold_if_supervised
    from plugin.runtime.web import application
    from plugin.settings import get_settings
    from webhooks.app import routes as webhook_routes

    logs.set_up()
    hold_if_supervised()
    connect()
    return application(
        [*webhook_routes(), *admin_routes()],
        https=get_settings().url.startswith("https://"),
    )


def _broker() -> Any:
    from plugin.runtime import logs
    from plugin.runtime.connect import connect, settle
    from plugin.runtime.parent_death import Lifeline

    logs.set_up()
    broker = connect()
    broker.add_middleware(Lifeline())

    import plugin.worker.actors  # noqa: F401  its actors declare themselves on the broker

    settle()
    return broker


def __getattr__(name: str) -> Any:
    makers = {"app": _app, "broker": _broker}
    if name not in makers:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = makers[name]()
    return globals()[name]


if __name__ == "__main__":
    main()
