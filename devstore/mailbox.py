"""The shoppers' mailbox: receive the app's mails by SMTP and keep them."""

import asyncio
import email
import email.policy
import sqlite3
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from devstore import clock

TABLES = """
create table if not exists mail (
  id integer primary key, sender text not null, recipients text not null, raw blob not null,
  idempotency_key text unique, at text not null);
create table if not exists reception (
  id integer primary key, idempotency_key text, at text not null);
create index if not exists reception_key on reception (idempotency_key);
"""
KEY = "Idempotency-Key"
FAULTS = ("drop_after_data", "reject", "defer")


@dataclass(frozen=True)
class Mail:
    """A mail as it arrived."""

    id: int
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    idempotency_key: str | None
    at: datetime

    @property
    def message(self) -> EmailMessage:
        """The mail, read."""
        read = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(read, EmailMessage)
        return read

    def part(self, kind: str) -> str:
        """The `html` or the `plain` part, or nothing."""
        found = self.message.get_body((kind,))
        return str(found.get_content()) if found else ""

    @property
    def subject(self) -> str:
        """What it says it is about."""
        return str(self.message["Subject"] or "")


class Mailbox:
    """Mails kept in SQLite. A key seen before is accepted again and kept once, as relays do."""

    def __init__(
        self,
        path: str | Path = ":memory:",
        *,
        fault: str | None = None,
        times: int = 1,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._db = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(TABLES)
        self._fault, self._times = fault, times

    def break_down(self, fault: str | None, times: int = 1) -> None:
        """Fail the next mails: `drop_after_data` keeps each and hangs up without an answer,
        `reject` says 550, `defer` says 451.

        Raises:
            ValueError: no such fault.
        """
        if fault is not None and fault not in FAULTS:
            raise ValueError(f"{fault}: one of {', '.join(FAULTS)}, or none.")
        with self._lock:
            self._fault, self._times = fault, times

    def fault(self) -> str | None:
        """The fault that the next mail meets; asking uses it up."""
        with self._lock:
            if self._fault is None or self._times <= 0:
                return None
            self._times -= 1
            return self._fault

    def keep(self, sender: str, recipients: list[str], raw: bytes) -> None:
        """Keep a mail, unless one with its key is here already."""
        head = email.message_from_bytes(raw, policy=email.policy.default)
        key, at = head[KEY], self._now().isoformat()
        with self._lock:
            self._db.execute("insert into reception (idempotency_key, at) values (?, ?)", (key, at))
            self._db.execute(
                "insert or ignore into mail (sender, recipients, raw, idempotency_key, at)"
                " values (?, ?, ?, ?, ?)",
                (sender, "\n".join(recipients), raw, key, at),
            )

    def mails(self, *, to: str | None = None, limit: int = 500) -> list[Mail]:
        """What arrived, newest first."""
        with self._lock:
            rows = self._db.execute(
                "select * from mail where ? is null or lower(recipients) like ?"
                " order by id desc limit ?",
                (to, f"%{(to or '').lower()}%", limit),
            ).fetchall()
        return [_mail(row) for row in rows]

    def mail(self, number: int) -> Mail | None:
        """A mail by its number."""
        with self._lock:
            row = self._db.execute("select * from mail where id = ?", (number,)).fetchone()
        return _mail(row) if row else None

    def receptions(self, key: str | None = None) -> int:
        """How often mails came in, kept or not; for one key or altogether."""
        with self._lock:
            row = self._db.execute(
                "select count(*) from reception where ? is null or idempotency_key = ?", (key, key)
            ).fetchone()
        return int(row[0])

    def clear(self) -> None:
        """Throw everything away."""
        with self._lock:
            self._db.execute("delete from mail")
            self._db.execute("delete from reception")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """aiosmtpd's hook: a whole mail has come in."""
        fault = self.fault()
        if fault == "reject":
            return "550 5.1.1 No such mailbox"
        if fault == "defer":
            return "451 4.3.0 Try again later"
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else bytes(content or b"")
        self.keep(envelope.mail_from or "", list(envelope.rcpt_tos), raw)
        if fault == "drop_after_data":
            _hang_up(server)
            await asyncio.sleep(1)  # the lost connection ends this task before that
        return "250 2.0.0 OK"


@asynccontextmanager
async def listening(mailbox: Mailbox, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """An SMTP server in front of a mailbox, for as long as the block lasts; gives its port."""
    loop = asyncio.get_running_loop()

    connections: weakref.WeakSet[SMTP] = weakref.WeakSet()

    def connection() -> SMTP:
        made = SMTP(mailbox, hostname="mailbox.test", enable_SMTPUTF8=True, loop=loop)
        connections.add(made)
        return made

    server = await loop.create_server(connection, host, port)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for each in list(connections):
            _hang_up(each)


def _hang_up(connection: SMTP) -> None:
    transport = connection.transport
    if transport is not None:
        # uvloop's transports can abort, too, but are no asyncio.WriteTransport.
        transport.abort()  # type: ignore[attr-defined]


def _mail(row: Any) -> Mail:
    return Mail(
        id=row["id"],
        sender=row["sender"],
        recipients=tuple(row["recipients"].split("\n")),
        raw=bytes(row["raw"]),
        idempotency_key=row["idempotency_key"],
        at=datetime.fromisoformat(row["at"]),
    )
