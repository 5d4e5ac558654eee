"""How mail relays behave and misbehave: each a script of answers that knows the story's time.

What they say is taken from relays' own words (Postfix, Exim, Gmail, Exchange) and from RFC 5321.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from plugin import clock
from tests.plugin.channels.scripted_relay import (
    Connection,
    Lines,
    Script,
    hangs_up,
    is_silent,
    says,
)
from tests.sizes import size

SCALE = size(1 / 40, 1 / 20)  # of the seconds that a relay is slow, and that we are patient
# Of the 110 seconds for a mail, three answers of 25 s and the 30 that are kept for the last leave
# five for our own work, which is not scaled: at 1/20 a busy machine took longer, and 300 mails came
# to no end. A mail takes four answers, so that 48 over four connections take 48 / 4 * 4 * 25 / 5 =
# 240 s (measured: 253 at a load of 1, and at one of 15 thrice as long).
SLOWEST_SCALE, SLOWEST_MAILS = size((1 / 10, 4), (1 / 5, 48))
LONG = size(timedelta(minutes=20), timedelta(hours=70))  # whole: longer than any mail is tried
HOURS = size(timedelta(minutes=20), timedelta(hours=6))
SILENCE = size(timedelta(minutes=2), timedelta(hours=6))
GREYLISTED = timedelta(minutes=5)
Answer = Callable[[], Lines]


@dataclass(frozen=True)
class Behaviour:
    """One relay.

    Args:
        script: makes its script anew.
        gone: whether it says of every third address that it is gone.
        doubts: whether it leaves mails in doubt.
        slow: whether it answers slowly, so that time is scaled and the mails are fewer.
        scale: how time is scaled.
        most_mails: how many mails it gets at the most.
        refuses_for: for how long nothing listens at its address.
    """

    name: str
    script: Callable[[], Script]
    gone: bool = False
    doubts: bool = False
    slow: bool = False
    scale: float = SCALE
    most_mails: int = 300
    refuses_for: timedelta = field(default=timedelta())


def is_gone(address: str) -> bool:
    """Whether this is one of the addresses that a relay with `gone` does not know."""
    return int(address.partition("@")[0].rpartition("-")[2]) % 3 == 0


def usual(word: str, connection: Connection) -> None:
    """As a relay that takes everything."""


def at(word: str, *lines: str, until: timedelta | None = None, every_s: float = 0.0) -> Script:
    """Answer one command so, for a time if one is given."""
    return doing(word, lambda: says(*lines, every_s=every_s * SCALE), until)


def doing(word: str, answer: Answer, until: timedelta | None = None) -> Script:
    """Answer one command in this way, for a time if one is given."""
    began = clock.now()

    def script(said: str, connection: Connection) -> Lines | None:
        over = until is not None and clock.now() > began + until
        return answer() if said == word and not over else None

    return script


def once_each(word: str, *lines: str) -> Script:
    """Answer so for the first mail to each address, and take the second."""
    seen: set[str] = set()

    def script(said: str, connection: Connection) -> Lines | None:
        if said != word or connection.recipient in seen:
            return None
        seen.add(connection.recipient)
        return says(*lines)

    return script


def greylisting() -> Script:
    """Put off each address until some minutes after it was first named."""
    first: dict[str, datetime] = {}

    def script(word: str, connection: Connection) -> Lines | None:
        if word != "RCPT":
            return None
        now = clock.now()
        known = first.setdefault(connection.recipient, now)
        return says("451 4.7.1 Greylisted, try again") if now < known + GREYLISTED else None

    return script


def a_third_is_gone() -> Script:
    """Know two of three addresses."""

    def script(word: str, connection: Connection) -> Lines | None:
        gone = word == "RCPT" and is_gone(connection.recipient)
        return says("550 No such user here") if gone else None

    return script


def after(mails: int, word: str, line: str) -> Script:
    """Answer so once a connection has brought so many mails."""

    def script(said: str, connection: Connection) -> Lines | None:
        return says(line) if said == word and connection.mails >= mails else None

    return script


def every_answer(seconds: float, scale: float) -> Script:
    """Take so long for each answer, at this scale."""
    usual = {"GREETING": "220 relay.example", "DATA": "354 go on", "QUIT": "221 bye"}

    def script(word: str, connection: Connection) -> Lines:
        return says(usual.get(word, "250 OK"), every_s=seconds * scale)

    return script


def broken_tls() -> Script:
    """Offer encryption for a time, and then answer it by words."""
    began = clock.now()

    def script(word: str, connection: Connection) -> Lines | None:
        if clock.now() > began + HOURS:
            return None
        if word == "EHLO":
            return says("250-relay.example", "250 STARTTLS")
        return says("220 go ahead", "what is this?") if word == "STARTTLS" else None

    return script


def every_other_connection(line: str) -> Script:
    """Greet every other connection so."""

    def script(word: str, connection: Connection) -> Lines | None:
        return says(line) if word == "GREETING" and connection.number % 2 else None

    return script


WAITING = ["250-wait"] * 17 + ["250 OK"]
BEHAVIOURS = [
    Behaviour("takes everything", lambda: usual),
    Behaviour("knows HELO only", lambda: at("EHLO", "502 5.5.1 not implemented")),
    Behaviour("refuses the sender", lambda: at(
        "MAIL", "550 5.1.1 <hello@dewpoint.example>: Sender address rejected: user unknown",
        until=HOURS)),
    Behaviour("asks for a password", lambda: at(
        "MAIL", "530 5.7.0 Authentication required", until=LONG)),
    Behaviour("takes no mail for now", lambda: at(
        "MAIL", "452 4.3.1 Insufficient system storage", until=HOURS)),
    Behaviour("5.2.1 once", lambda: once_each(
        "RCPT", "550-5.2.1 The user is receiving mail at a rate that",
        "550 5.2.1 prevents additional messages")),
    Behaviour("5.1.2 once", lambda: once_each(
        "RCPT", "550 5.1.2 Host lookup did not complete")),
    Behaviour("a third is gone", a_third_is_gone, gone=True),
    Behaviour("greylists", greylisting),
    Behaviour("three mails a session", lambda: after(3, "RCPT", "452 4.5.3 too many")),
    Behaviour("shuts down amid sessions", lambda: after(2, "MAIL", "421 4.3.2 shutting down")),
    Behaviour("full mailboxes", lambda: at(
        "RCPT", "552 5.2.2 mailbox is full", until=HOURS)),
    Behaviour("a policy", lambda: at(
        "END", "550 5.7.1 rejected by local policy", until=HOURS)),
    Behaviour("too many connections", lambda: every_other_connection(
        "421 4.7.0 too many connections")),
    Behaviour("slow answers of many lines", lambda: at(
        "RCPT", *WAITING, until=SILENCE, every_s=5), slow=True),
    Behaviour("25 s for every answer", lambda: every_answer(25, SLOWEST_SCALE), slow=True,
        scale=SLOWEST_SCALE, most_mails=SLOWEST_MAILS),
    Behaviour("33 s for the last answer", lambda: at("END", "250 OK", every_s=33), slow=True),
    Behaviour("no SMTP after the dot", lambda: at("END", "<html>"), doubts=True),
    Behaviour("hangs up at DATA", lambda: doing("DATA", hangs_up, HOURS)),
    Behaviour("hangs up after the dot", lambda: doing("END", hangs_up), doubts=True),
    Behaviour("silent at the start", lambda: doing("GREETING", is_silent, SILENCE), slow=True),
    Behaviour("silent at MAIL", lambda: doing("MAIL", is_silent, SILENCE), slow=True),
    Behaviour(
        "silent after the dot", lambda: doing("END", is_silent, SILENCE), slow=True, doubts=True),
    Behaviour("refuses connections", lambda: usual, refuses_for=HOURS),
    Behaviour("greets in another protocol", lambda: at("GREETING", "SSH-2.0-OpenSSH", until=HOURS)),
    Behaviour("offers broken TLS", broken_tls),
]  # fmt: skip
