"""Send email by SMTP to the relay of `REGULARS_SMTP_URL`, over one kept connection for each thread;
the relay's answer decides between accepted, later, never and unknown.
"""

import contextlib
import smtplib
import threading
import time
from collections import defaultdict
from datetime import datetime

import structlog

from plugin import clock
from plugin.channels.base import EmailContent, Envelope, SendError
from plugin.channels.email import connection
from plugin.channels.email.connection import Line, time_left
from plugin.channels.email.mime import build_mime, check_address, check_sender
from plugin.channels.email.replies import Stage, read_refusal
from plugin.channels.rest import MAX_FAILURES, Rest
from plugin.settings import get_settings

CONNECT_S = 150.0  # greeting, EHLO, STARTTLS, EHLO again, password: five slow answers
MAX_IDLE_S = 45.0  # relays close a connection that is silent for longer
MAX_MAILS_PER_CONNECTION = 200  # mails over one connection; many relays stop at some number
MAX_DEFERRALS = 2  # in a row on one connection; some relays take more on the next

log = structlog.get_logger()


class _Kept(threading.local):
    """This thread's connection."""

    line: Line | None = None
    url = ""
    used_at = 0.0
    sent = 0
    deferred = 0  # mails in a row


_kept = _Kept()
# By the relay's address: whether it can be connected to, and goes through with a mail. By that and
# a sender: whether it takes the sender.
connecting: defaultdict[str, Rest] = defaultdict(Rest)
exchanges: defaultdict[str, Rest] = defaultdict(Rest)
senders: defaultdict[tuple[str, str], Rest] = defaultdict(Rest)


class SmtpEmail:
    """Sends mails to an SMTP relay."""

    name = "smtp"

    def detects_repeats(self) -> bool:
        """Return whether the relay reads our idempotency key."""
        return bool(get_settings().smtp_idempotency_header)

    def is_set_up(self) -> bool:
        """Return whether a relay is named."""
        return bool(get_settings().smtp_url)

    def get_ready(self, sender: str) -> None:
        """Connect, in no mail's time.

        Raises:
            SendError: the relay rests, refused this sender again and again, or is not there.
        """
        url, now = get_settings().smtp_url, clock.now()
        # The sender's first: a trial of the relay goes to a mail that can use it.
        if until := senders[url, sender].ends_at(now):
            raise SendError("The mail relay refuses the sender.", sender_refused=True, until=until)
        for rest in (exchanges[url], connecting[url]):
            if until := rest.ends_at(now):
                raise SendError("The mail relay is left alone for a while.", away=True, until=until)
        try:
            _connection(_relay(), time.monotonic() + CONNECT_S)
        except (SendError, smtplib.SMTPException, OSError) as error:
            close_connection()
            said = error.message if isinstance(error, SendError) else type(error).__name__
            until = _fail(connecting[url], now, said) or connecting[url].ends_at(clock.now())
            raise SendError(f"The mail relay is away: {said}", away=True, until=until) from error
        connecting[url].end()

    def send(self, envelope: Envelope, content: EmailContent) -> str:
        """Send a mail; a relay gives no id of its own.

        Raises:
            SendError: the relay refused it, or its answer never came.
        """
        url, began = _relay(), clock.now()
        try:
            mail = build_mime(envelope, content, get_settings().smtp_idempotency_header)
        except SendError as refused:
            if not refused.is_about_message:
                _learn(url, envelope.sender, refused, began)
            raise
        try:
            _begin_mail(url, envelope)
            _hand_over(mail, envelope.deadline)
        except SendError as refused:
            _learn(url, envelope.sender, refused, began)
            raise
        except BaseException:
            close_connection()  # a worker may be stopped anywhere: the connection is amid a mail
            raise
        exchanges[url].end()
        senders[url, envelope.sender].end()
        return ""


def close_connection() -> None:
    """Close this thread's connection, if there is one."""
    line, _kept.line = _kept.line, None
    if line is not None:
        line.close()


def _relay() -> str:
    url = get_settings().smtp_url
    if not url:
        raise SendError("No mail relay is set: REGULARS_SMTP_URL is empty.", away=True)
    return url


def _learn(url: str, sender: str, refused: SendError, began: datetime) -> None:
    """Remember what a failed mail says of the relay, and of our sender."""
    said = refused.message
    if refused.lost_line or refused.away:
        refused.until = _fail(exchanges[url], began, said, tolerated=MAX_FAILURES)
        return
    exchanges[url].end()
    if refused.sender_refused:
        refused.until = _fail(senders[url, sender], began, said, tolerated=MAX_FAILURES)
    else:
        senders[url, sender].end()


def _fail(rest: Rest, began: datetime, said: str, *, tolerated: int = 0) -> datetime | None:
    """Count a failure; the end of the rest that begins now, if one does."""
    now = clock.now()
    pause = rest.fail(began, now, tolerated=tolerated)
    if pause is None:
        return None
    log.warning("relay.rests", seconds=pause.total_seconds(), said=said)
    return now + pause


def _begin_mail(url: str, envelope: Envelope) -> None:
    """Sender and recipient. A kept connection that went stale is replaced once."""
    for attempt in (1, 2):
        fresh, stage = _kept.line is None or not _kept.sent, Stage.SENDER
        try:
            line = _connection(url, envelope.deadline)
            options = _utf8_option(line, envelope)
            _expect(stage, line.mail(check_sender(envelope.sender), options), (250,))
            stage = _go_on(Stage.RECIPIENT, envelope.deadline)
            _expect(stage, line.rcpt(check_address(envelope.recipient)), (250, 251))
            stage = _go_on(Stage.BEFORE_MAIL, envelope.deadline)
            _expect(stage, line.docmd("DATA"), (354,))
            return
        except (smtplib.SMTPException, OSError) as error:
            close_connection()
            was_silent = isinstance(error.__context__, TimeoutError)  # smtplib tells it no better
            if fresh or was_silent or attempt == 2:
                said = f"The mail relay hung up at {stage}: {type(error).__name__}."
                raise SendError(said, away=stage is Stage.SENDER, broke=True) from error


def _hand_over(mail: bytes, deadline: float) -> None:
    """The mail itself. From here on a broken line leaves it open whether it was accepted."""
    line = _kept.line
    assert line is not None
    _go_on(Stage.MAIL, deadline)
    try:
        # Base64 lines and headers never begin with a dot, so there is none to stuff.
        line.send(mail + b".\r\n")
        # A relay may look into the mail before it answers (RFC 5321, 4.5.3.2.6).
        line.deadline = max(deadline, time.monotonic() + connection.LEAST_S)
        answer = line.getreply(line.deadline - time.monotonic())
        if not 200 <= answer[0] < 600:
            raise smtplib.SMTPServerDisconnected("no answer that can be read")
    except (smtplib.SMTPException, OSError) as error:
        close_connection()
        raise SendError(
            "The line to the mail relay broke after the message was handed over.", ambiguous=True
        ) from error
    _expect(Stage.MAIL, answer, (250,))
    _kept.used_at = time.monotonic()
    _kept.sent += 1
    _kept.deferred = 0


def _connection(url: str, deadline: float) -> Line:
    stale = (
        time.monotonic() - _kept.used_at > MAX_IDLE_S
        or _kept.sent >= MAX_MAILS_PER_CONNECTION
        or _kept.url != url
    )
    if _kept.line is not None and stale:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            _kept.line.putcmd("QUIT")  # its answer may take long, and says nothing
        close_connection()
    if _kept.line is None:
        _kept.line, _kept.url = connection.connect(url, deadline), url
        _kept.sent = _kept.deferred = 0
        _kept.used_at = time.monotonic()
    _kept.line.deadline = deadline
    time_left(deadline)  # if none is left, the next mail uses this connection
    return _kept.line


def _expect(stage: Stage, answer: tuple[int, bytes], wanted: tuple[int, ...]) -> None:
    """Continue if the relay agreed; otherwise reset the connection for the next
    message, and raise.
    """
    code, text = answer
    if code in wanted:
        return
    _kept.deferred = _kept.deferred + 1 if 400 <= code < 500 else 0
    if code in (-1, 421) or _kept.line is None or _kept.deferred >= MAX_DEFERRALS:
        close_connection()
    else:
        try:
            _kept.line.rset()
        except (smtplib.SMTPException, OSError):
            close_connection()
    if code == -1:
        raise smtplib.SMTPServerDisconnected("no answer")
    raise read_refusal(stage, code, text.decode("utf-8", "replace"))


def _utf8_option(line: smtplib.SMTP, envelope: Envelope) -> list[str]:
    if all(a.rpartition("@")[0].isascii() for a in (envelope.sender, envelope.recipient)):
        return []
    if line.has_extn("smtputf8"):
        return ["SMTPUTF8"]
    said = "The mail relay takes no addresses beyond ASCII."
    if not envelope.sender.rpartition("@")[0].isascii():
        raise SendError(said, sender_refused=True)
    raise SendError(said, permanent=True)


def _go_on(stage: Stage, deadline: float) -> Stage:
    """Begin the next stage, if there is time for its answer.

    What is handed over late ends in doubt: the last answer needs as much time as any may take.
    """
    line = _kept.line
    assert line is not None
    try:
        left = time_left(deadline, connection.ANSWER_S if stage is Stage.MAIL else None)
    except SendError:
        close_connection()  # a mail was begun and not ended: the next must not follow it
        raise
    if line.sock is not None:
        line.sock.settimeout(left)
    return stage
