"""A town: Regulars under its supervisor beside a store in a box, as processes that a test may kill.

Nothing here asks the app for its state: the mailbox, the store's outbox and the database's rows are
read from their files.
"""

import contextlib
import http.client
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sqlmodel import Session, col, create_engine, func, select, update

from devstore.people.merchant import Merchant
from plugin.runtime import parent_death, valkey
from storage import arrivals
from storage.engine import db
from storage.flows import Enrolment, Flow
from storage.inbox import Delivery
from storage.messages import Message, MessageState
from tests.sizes import PATIENCE

ROOT = Path(__file__).parents[2]
THREADS = 4
COMMANDS = {
    "worker": "dramatiq regulars:broker", "sender": "dramatiq regulars:senders",
    "valkey": "valkey-server",
}  # fmt: skip
KEY_HEADER = "Idempotency-Key"
Answer = TypeVar("Answer")


class Town:
    """The processes, their ports and files. Use as a context manager: everything ends with it."""

    def __init__(self, folder: Path, *, database_url: str = "", key_header: str = "") -> None:
        self.folder = folder
        self.port, self.store_port, self.smtp_port = free_ports(3)
        self.shop = f"http://127.0.0.1:{self.store_port}"
        url = db.parse_url(database_url or f"sqlite:///{folder / 'app' / 'regulars.db'}")
        self._on_sqlite = not database_url
        inbox = db.inbox_url(url) if self._on_sqlite else url
        of_all = {} if self._on_sqlite else {"options": "-c regulars.shop=all"}
        self._engines = {
            line: create_engine(place, connect_args=of_all)
            for line, place in (("main", url), ("inbox", inbox))
        }
        self.ahead = timedelta()
        self._clock = folder / "clock"
        self._clock.touch()
        self._env = {k: v for k, v in os.environ.items() if not k.startswith("REGULARS_")} | {
            "REGULARS_DATA_DIR": str(folder / "app"),
            "REGULARS_DATABASE_URL": database_url,
            "REGULARS_SECRET_KEY": os.environ["REGULARS_SECRET_KEY"],
            "REGULARS_SHOPIFY_CLIENT_ID": "town",
            "REGULARS_SHOPIFY_CLIENT_SECRET": "a secret of the town's own, long enough",
            "REGULARS_URL": f"http://127.0.0.1:{self.port}",
            "REGULARS_SHOPIFY_ORIGIN": self.shop,
            "REGULARS_APP_BRIDGE_URL": f"{self.shop}/cdn/app-bridge.js",
            "REGULARS_SMTP_URL": f"smtp://127.0.0.1:{self.smtp_port}",
            "REGULARS_SMTP_IDEMPOTENCY_HEADER": key_header,
            "REGULARS_CLOCK_FILE": str(self._clock),
            "REGULARS_TRUST_STORE_EMAIL": "true",
            "REGULARS_ANSWERS_PER_MINUTE": "100000",  # the whole town has one address
            "REGULARS_ANSWERS_PER_MINUTE_OF_SHOP": "100000",
            "REGULARS_HINTS_PER_MINUTE": "100000",
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Town":
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _open(self) -> None:
        (self.folder / "app").mkdir(exist_ok=True)
        if self._on_sqlite:
            copy_tables(self.folder / "app")
        store = (
            *("-m", "devstore", "--port", str(self.store_port), "--smtp-port", str(self.smtp_port)),
            *("--data", str(self.folder / "shop"), "--manifest", str(ROOT / "manifest.toml")),
            *("--client-id", self._env["REGULARS_SHOPIFY_CLIENT_ID"]),
            *("--client-secret", self._env["REGULARS_SHOPIFY_CLIENT_SECRET"]),
            *("--app-url", self._env["REGULARS_URL"], "--extensions", str(ROOT / "extensions")),
        )
        self._start("store", store)
        self.start_app()
        eventually("the store answers", lambda: answers(self.shop), within_s=60)
        with Merchant(self.shop) as merchant:
            merchant.open("/")
            merchant.switch_all("/flows", live=True)
            merchant.post(f"/forms/{merchant.use_form('skincare_quiz')}", status="live")

    def start_app(self) -> None:
        """Start the supervisor, and wait until everything under it is ready."""
        self.supervisor = self._start("app", ("-m", "regulars", "serve", "--port", str(self.port)))
        ready = f"http://127.0.0.1:{self.port}/readyz"
        eventually("the app is ready", lambda: self._alive() and answers(ready), within_s=90)

    def stop_app(self, within_s: float) -> int:
        """Ask the supervisor to end everything, and give its exit code."""
        self._processes.remove(self.supervisor)
        self.supervisor.terminate()
        try:
            return self.supervisor.wait(within_s * PATIENCE)
        except BaseException:
            self._processes.append(self.supervisor)
            raise

    def _start(self, name: str, words: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=self._env,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=parent_death.exit_with_parent,  # a killed test run leaves no process
            )
        self._processes.append(process)
        return process

    def _alive(self) -> bool:
        for process in self._processes:
            assert process.poll() is None, self.tail()
        return True

    def close(self) -> None:
        """End every process, by its id."""
        for engine in self._engines.values():
            engine.dispose()
        for process in reversed(self._processes):
            below = descendants(process.pid)
            with contextlib.suppress(ProcessLookupError):
                for pid in (process.pid, *below):
                    os.kill(pid, signal.SIGCONT)
            process.terminate()
            try:
                process.wait(30 * PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pid in below:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._processes = []

    def tail(self, lines: int = 40) -> str:
        """Return the end of the app's output."""
        return "\n".join((self.folder / "app.log").read_text().splitlines()[-lines:])

    # Time

    def now(self) -> datetime:
        """The time in the story."""
        return datetime.now(UTC) + self.ahead

    def pass_time(self, by: timedelta) -> None:
        """Move the clock that the app and the store share."""
        self.ahead += by
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(str(self.ahead.total_seconds()))
        fresh.replace(self._clock)

    def skip_retries(self) -> None:
        """Pass the time until the next retry, of the store's webhooks or of our sender.

        No shopper waits for these in a story, and no flow waits for so short a time.
        """
        waits = [at - self.now() for at in (*self._undelivered(), *self._put_off())]
        if waits and timedelta() < min(waits) < timedelta(minutes=30):
            self.pass_time(min(waits) + timedelta(seconds=1))

    def _undelivered(self) -> list[datetime]:
        waiting = "done_at is null and given_up_at is null"
        rows = self._rows("shop/store.db", f"select due_at from delivery where {waiting}")
        return [datetime.fromtimestamp(due_at, UTC) for (due_at,) in rows]

    def _put_off(self) -> list[datetime]:
        with self.session() as session:
            return list(
                session.exec(select(Message.due_at).where(Message.state == MessageState.DUE))
            )

    def end_doubt(self) -> None:
        """Let the minute be over that a message stays with a sender who does not answer."""
        with self.session() as session:
            stuck = (
                update(Message)
                .where(col(Message.state) == MessageState.SENDING)
                .values(lease_until=0.0)
            )
            session.connection().execute(stuck)
            session.commit()

    # Faults

    def parts(self, name: str) -> list[int]:
        """The processes of one part, as web or worker; its topmost first."""
        wanted = COMMANDS.get(name, f"regulars {name}")
        for pid in children(self.supervisor.pid):
            if wanted in command_of(pid):
                return [pid, *descendants(pid)]
        return []

    def kill(self, name: str, chance: random.Random) -> int:
        """kill -9 one of a part's processes, as soon as there is one."""
        pids = eventually(f"{name} runs", lambda: self.parts(name), within_s=40)
        pid = chance.choice(pids)
        os.kill(pid, signal.SIGKILL)
        return pid

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to every process of a part."""
        for pid in eventually(f"{name} runs", lambda: self.parts(name), within_s=40):
            os.kill(pid, number)

    def ask_broker(self, words: str) -> bytes:
        """Say something to Valkey."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(5 * PATIENCE)
            line.connect(str(valkey.socket_path(self.folder / "app")))
            line.sendall(words.encode() + b"\r\n")
            return line.recv(64)

    # What came of it

    def delivered(self) -> bool:
        """Whether the app has taken in everything that the store has to tell."""
        return not self._undelivered()

    def told(self) -> bool:
        """Whether the app has digested it, too."""
        if not self.delivered():
            return False
        with self.session("inbox") as session:
            new = session.exec(select(func.count()).where(Delivery.state == "new")).one()
            return not new and not arrivals.has_untaken(session)

    def session(self, name: str = "main") -> Session:
        """A look into the app's database; on SQLite the inbox is a file of its own."""
        return Session(self._engines[name])

    def messages(self) -> list[Message]:
        """Every message."""
        with self.session() as session:
            return list(session.exec(select(Message)))

    def message_states(self) -> Counter[str]:
        """How many messages are in each state."""
        query = select(Message.state, func.count()).group_by(Message.state)
        with self.session() as session:
            return Counter(dict(session.exec(query).all()))

    def enrolments(self, flow: str) -> Counter[tuple[str, str]]:
        """How many enrolments of a flow are in each (state, action)."""
        query = (
            select(Enrolment.state, Enrolment.action_id, func.count())
            .join(Flow, (col(Flow.shop_id) == Enrolment.shop_id) & (Flow.id == Enrolment.flow_id))
            .where(Flow.name == flow)
            .group_by(Enrolment.state, Enrolment.action_id)
        )
        with self.session() as session:
            found = session.exec(query)
            return Counter({(state, action): count for state, action, count in found})

    def mails(self) -> list[tuple[str, str]]:
        """(recipient, subject) of every mail that the mailbox keeps."""
        rows = self._rows("shop/mailbox.db", "select recipients, raw from mail")
        read = [(to, message_from_bytes(bytes(raw), policy=policy.default)) for to, raw in rows]
        return [(to, str(mail["Subject"])) for to, mail in read]

    def count_mails(self) -> int:
        """How many mails the mailbox keeps."""
        return int(self._rows("shop/mailbox.db", "select count(*) from mail")[0][0])

    def receptions(self) -> int:
        """How often a mail came in, kept or known already by its key."""
        return int(self._rows("shop/mailbox.db", "select count(*) from reception")[0][0])

    def _rows(self, file: str, sql: str) -> list[Any]:
        address = f"file:{self.folder / file}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
            return connection.execute(sql).fetchall()


tables: Path | None = None  # SQLite files that are migrated already: `conftest.py` says where


def copy_tables(folder: Path) -> None:
    """Give an installation its tables, which it would take a second to make."""
    if tables is not None:
        shutil.copytree(tables, folder, dirs_exist_ok=True)


def eventually(
    what: str, found: Callable[[], Answer], *, within_s: float, every_s: float = 0.1
) -> Answer:
    """Ask until the answer is truthy, and give it; fail when it takes `PATIENCE` times longer."""
    deadline = time.monotonic() + within_s * PATIENCE
    while not (answer := found()):
        assert time.monotonic() < deadline, f"Not within {within_s * PATIENCE:.0f} s: {what}"
        time.sleep(every_s)
    return answer


def answers(url: str) -> bool:
    """Whether a GET is answered 200."""
    place = urlsplit(url)
    # Not by httpx, which loads the machine's certificates for each call: this one is asked often.
    line = http.client.HTTPConnection(place.netloc, timeout=5 * PATIENCE)
    try:
        line.request("GET", place.path or "/")
        return line.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


def free_ports(count: int) -> list[int]:
    """Return ports that are free now, and that no client is given while their server is away.

    Linux gives clients ports from 32768 on (ip_local_port_range, ip-sysctl.txt): one who asks for a
    server there that is away may even meet itself.
    """
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    return [child for child, parent in _parents() if parent == pid]


def descendants(pid: int) -> list[int]:
    """The processes below a process."""
    return [each for child in children(pid) for each in (child, *descendants(child))]


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, AttributeError):
                status = (folder / "status").read_text()
                yield int(folder.name), int(re.search(r"PPid:\s+(\d+)", status).group(1))


def command_of(pid: int) -> str:
    """A process's command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
