"""A mail relay in this process, a real one on a real port, with answers that a test sets."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

OK = "250 2.0.0 kept"


@dataclass
class Relay:
    """`answers` are used up one a mail, at `stage`; then everything is kept. `drop` hangs up."""

    url: str = ""
    answers: list[str] = field(default_factory=list)
    stage: str = "RCPT"
    knows_repeats_by: str = ""
    raw: list[bytes] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self._next("RCPT")
        if answer == "drop":
            server.transport.abort()
            await asyncio.sleep(0)
        elif answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        answer = self._next("DATA")
        body = envelope.content
        assert isinstance(body, bytes)
        if answer in (OK, "drop"):
            self.raw.append(body)
            mail = message_from_bytes(body)
            key = mail.get(self.knows_repeats_by) if self.knows_repeats_by else None
            self.kept[key or f"{len(self.raw)}"] = body
        if answer == "drop":
            server.transport.abort()
        return answer

    def mails(self) -> list[EmailMessage]:
        """What reached the mailbox."""
        return [message_from_bytes(raw, policy=policy.default) for raw in self.kept.values()]

    def _next(self, stage: str) -> str:
        return self.answers.pop(0) if self.answers and self.stage == stage else OK


@contextmanager
def running() -> Generator[Relay]:
    """A relay on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    relay = Relay(url=f"smtp://127.0.0.1:{port}")
    controller = Controller(relay, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield relay
    finally:
        controller.stop()
