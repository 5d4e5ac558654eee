"""The demo: Regulars and a sample store beside it, installed and live, on this machine alone."""

import fcntl
import json
import os
import secrets
import shutil
import socket
from pathlib import Path

from devstore.people import seed
from devstore.people.merchant import Merchant
from plugin.errors import RegularsError
from plugin.manifest import PATH as MANIFEST
from plugin.runtime.supervisor import (
    Child,
    check_port,
    is_answering,
    own_command,
    print_line,
    serve,
)
from plugin.settings import Settings
from storage.forms import FormStatus

HOST = "127.0.0.1"
ORDERS_A_CUSTOMER = 3
MAX_PORT_ATTEMPTS = 50  # ports looked at when the wanted one is taken
DATA = ("app", "store", "clock", "installed")
WELCOME = """
  Regulars is ready, with a sample store.

    shop     {shop}/
             look around; after a moment a popup asks what your skin needs
    mailbox  {shop}/mailbox
             every mail that is sent arrives here, and nowhere else
    admin    {shop}/admin/apps/regulars
             what a merchant sees: audience, flows, forms, earnings
    time     move the clock on the admin's pages, so that a reminder need not be waited for

  Ctrl-C ends it. The data stay in {folder}; `--fresh` starts over.
"""


def run_demo(
    folder: Path, *, port: int, shop_port: int, smtp_port: int, fresh: bool, past: int
) -> None:
    """Run the demo until SIGTERM or SIGINT; a new store has `past` customers already.

    Raises:
        RegularsError: another demo runs on this folder, or a part does not start.
    """
    folder = folder.resolve()
    lock = _lock(folder)
    if fresh:
        _forget(folder)
    (folder / "clock").touch()
    give_past(folder, past)
    port, shop_port, smtp_port = _free_ports(port, shop_port, smtp_port)
    shop = f"http://{HOST}:{shop_port}"
    _set_up_environment(folder, port, shop, smtp_port)
    settings = Settings(_env_file=None)  # the demo has its own
    store = Child(
        "store",
        _store_command(folder, settings, shop_port, smtp_port),
        grace_s=3,
        ready=lambda: is_answering(HOST, shop_port, "/"),
    )

    def on_ready() -> None:
        _install(folder, shop)
        print_line("demo", WELCOME.format(shop=shop, folder=folder))

    serve(settings, host=HOST, port=port, beside=[store], on_ready=on_ready)
    os.close(lock)


def give_past(folder: Path, customers: int) -> None:
    """Let a new sample store have so many customers, and their orders, before the app comes."""
    if customers and not (folder / "store").exists():
        counts = {"customers": customers, "orders": customers * ORDERS_A_CUSTOMER}
        counted = [f"--{name}={count}" for name, count in counts.items()]
        seed.main([f"--data={folder / 'store'}", *counted])


def _install(folder: Path, shop: str) -> None:
    """Do what a merchant does first: open the app, and switch the flows and the popup on."""
    mark = folder / "installed"
    merchant = Merchant(shop)
    merchant.open("/")
    if not mark.exists():
        merchant.switch_all("/flows", live=True)
        quiz = merchant.use_form("skincare_quiz")  # which is what the sample store sells
        merchant.post(f"/forms/{quiz}", status=FormStatus.LIVE)
        mark.touch()


def _set_up_environment(folder: Path, port: int, shop: str, smtp_port: int) -> None:
    """Set our processes' settings and no others: a demo must not touch a real database."""
    for name in [name for name in os.environ if name.startswith("REGULARS_")]:
        del os.environ[name]
    os.environ |= _secrets(folder / "secrets.json") | {
        "REGULARS_DATA_DIR": str(folder / "app"),
        "REGULARS_DATABASE_URL": f"sqlite:///{folder / 'app' / 'regulars.db'}",
        "REGULARS_URL": f"http://{HOST}:{port}",
        "REGULARS_SHOPIFY_ORIGIN": shop,
        "REGULARS_APP_BRIDGE_URL": f"{shop}/cdn/app-bridge.js",
        "REGULARS_TRUST_STORE_EMAIL": "true",
        "REGULARS_SENDER_EMAIL": "demo@regulars.example",
        "REGULARS_DNS_SERVERS": f"{HOST}:9",  # where none answers: nothing leaves the machine
        "REGULARS_SMTP_URL": f"smtp://{HOST}:{smtp_port}",
        "REGULARS_SMTP_IDEMPOTENCY_HEADER": "Idempotency-Key",
        "REGULARS_CLOCK_FILE": str(folder / "clock"),
    }


def _secrets(path: Path) -> dict[str, str]:
    """The demo's own secrets, made at the first start."""
    if not path.exists():
        made = {
            "REGULARS_SECRET_KEY": secrets.token_urlsafe(48),
            "REGULARS_SHOPIFY_CLIENT_ID": secrets.token_hex(16),
            "REGULARS_SHOPIFY_CLIENT_SECRET": secrets.token_hex(32),
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(made, indent=1))
    kept: dict[str, str] = json.loads(path.read_text())
    return kept


def _store_command(folder: Path, settings: Settings, port: int, smtp_port: int) -> list[str]:
    options = {
        "port": str(port),
        "smtp-port": str(smtp_port),
        "data": str(folder / "store"),
        "manifest": str(MANIFEST),
        "client-id": settings.shopify_client_id,
        "client-secret": settings.shopify_client_secret,
        "app-url": settings.url,
        "extensions": str(MANIFEST.parent / "extensions"),
    }
    return own_command("devstore", *(f"--{name}={value}" for name, value in options.items()))


def _lock(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RegularsError(
            f"Can't write to {folder}: {error.strerror}. Choose another folder with --dir."
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RegularsError(
            f"A demo is already running in {folder}. Stop it first, or choose another with --dir."
        ) from None
    return lock


def _forget(folder: Path) -> None:
    for name in DATA:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _free_ports(*wanted: int) -> list[int]:
    """Return the wanted ports, or the next free ones; print each change."""
    found: list[int] = []
    for port in wanted:
        check_port(port)
        free = next(
            (
                each
                for each in range(port, port + MAX_PORT_ATTEMPTS)
                if each not in found and not (each != port and each in wanted) and _is_free(each)
            ),
            None,
        )
        if free is None:
            raise RegularsError(f"None of the {MAX_PORT_ATTEMPTS} ports from {port} on is free.")
        if free != port:
            print_line("demo", f"port {port} is taken by another program; using {free}")
        found.append(free)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
