"""PgBouncer in transaction mode before the tests' PostgreSQL, if `PGBOUNCER` names its program.

    PGBOUNCER=/usr/sbin/pgbouncer pytest tests/storage tests/attacks/test_s09_rows.py

Each test's database is then reached through it by our code, as by an operator's.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

PROGRAM = os.environ.get("PGBOUNCER")
FOLDER = Path(tempfile.gettempdir()) / f"regulars-pooler-{os.getpid()}"
CONFIG = """
[databases]
* = host={server}
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {folder}
pool_mode = transaction
auth_type = trust
auth_file = {folder}/users
default_pool_size = 20
max_client_conn = 500
logfile = {folder}/log
server_reset_query =
"""


def through(url: str) -> str:
    """A database's address as the tests' code uses it: the pooler's, if there is one."""
    if not PROGRAM:
        return url
    return f"{url.partition('?')[0]}?host={FOLDER}&port=6432"


def command(program: str, folder: Path, server: str, user: str) -> list[str]:
    """Make a folder with all that PgBouncer needs before a server, and give the words to run it."""
    folder.mkdir()
    shutil.chown(folder, user)
    settings = folder / "pgbouncer.ini"
    socket_folder = server.partition("host=")[2]
    settings.write_text(CONFIG.format(server=socket_folder, folder=folder))
    (folder / "users").write_text('"regulars" ""\n')
    return [program, "--quiet", str(settings)]


@contextlib.contextmanager
def pooler(server: str, user: str) -> Generator[None]:
    """PgBouncer, if it is wanted, before the server of a database with this address.

    Args:
        user: the server's own on this machine; PgBouncer refuses to be root.
    """
    if not PROGRAM:
        yield
        return
    process = subprocess.Popen(command(PROGRAM, FOLDER, server, user), user=user)
    try:
        until = time.monotonic() + 30
        while not (FOLDER / ".s.PGSQL.6432").exists() and time.monotonic() < until:
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(FOLDER, ignore_errors=True)
