"""Send email by SMTP to the relay of `REGULARS_SMTP_URL`, over one kept connection for each thread;
the relay's answer decides between accepted, later, never and unknown.
"""

import contextlib
import io
import ipaddress
import smtplib
import ssl
import threading
import time
from typing import Any
from urllib.parse import unquote, urlsplit

from plugin.channels.base import EmailContent, Envelope, SendError
from plugin.channels.email.mime import build_mime, check_address
from plugin.channels.email.replies import Stage, read_refusal
from plugin.settings import get_settings

CALL_TIMEOUT_S = 30.0  # the longest that one answer of the relay may take, but for the last one
MAX_IDLE_S = 45.0  # relays close a connection that is silent for longer
MAX_MAILS_PER_CONNECTION = 200  # mails over one connection; many relays stop at some number
MAX_DEFERRALS = 2  # in a row on one connection; some relays take more on the next


class _Replies(io.RawIOBase):
    """What the relay says, read until a moment: a reply of many slow lines ends no later."""

    def __init__(self, line: "_Line") -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        sock = self._line.sock
        assert sock is not None
        left = self._line.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("The mail relay's answer took too long.")
        sock.settimeout(left)
        return sock.recv_into(buffer)


class _Line(smtplib.SMTP):
    """A connection of which each answer comes before `until`, by time.monotonic()."""

    def __init__(self, until: float, host: str, port: int, **options: Any) -> None:
        self.until = until
        super().__init__(host, port, **options)

    def getreply(self) -> tuple[int, bytes]:
        """Read the next answer."""
        if self.file is None:
            self.file = io.BufferedReader(_Replies(self))
        return super().getreply()


class _TlsLine(_Line, smtplib.SMTP_SSL):
    """A connection that is encrypted from its beginning."""


class _Kept(threading.local):
    """This thread's connection."""

    smtp: _Line | None = None
    url = ""
    used_at = 0.0
    sent = 0
    deferred = 0  # mails in a row


_kept = _Kept()


class SmtpEmail:
    """Sends mails to an SMTP relay."""

    name = "smtp"

    def detects_repeats(self) -> bool:
        """Return whether the relay reads our idempotency key."""
        return bool(get_settings().smtp_idempotency_header)

    def is_set_up(self) -> bool:
        """Return whether a relay is named."""
        return bool(get_settings().smtp_url)

    def send(self, envelope: Envelope, content: EmailContent) -> str:
        """Send a mail; a relay gives no id of its own.

        Raises:
            SendError: the relay refused it, or its answer never came.
        """
        settings = get_settings()
        if not settings.smtp_url:
            raise SendError("No mail relay is set: REGULARS_SMTP_URL is empty.")
        mail = build_mime(envelope, content, settings.smtp_idempotency_header)
        try:
            _begin_mail(settings.smtp_url, envelope)
            _hand_over(mail, envelope.deadline)
            return ""
        except SendError:
            raise
        except (smtplib.SMTPException, OSError) as error:
            close_connection()
            raise SendError(f"The mail relay hung up: {type(error).__name__}.") from error
        except BaseException:
            close_connection()  # a worker may be stopped anywhere: the connection is amid a mail
            raise


def close_connection() -> None:
    """Close this thread's connection, if there is one."""
    smtp, _kept.smtp = _kept.smtp, None
    if smtp is not None:
        smtp.close()


def _begin_mail(url: str, envelope: Envelope) -> None:
    """Sender and recipient. A kept connection that went stale is replaced once."""
    for attempt in (1, 2):
        fresh = _kept.smtp is None
        smtp = _connection(url, envelope.deadline)
        try:
            options = _utf8_option(smtp, envelope)
            sender, recipient = map(check_address, (envelope.sender, envelope.recipient))
            _expect(Stage.SENDER, smtp.mail(sender, options), (250,))
            _limit(smtp, envelope.deadline)
            _expect(Stage.RECIPIENT, smtp.rcpt(recipient), (250, 251))
            _limit(smtp, envelope.deadline)
            _expect(Stage.BEFORE_MAIL, smtp.docmd("DATA"), (354,))
            return
        except (smtplib.SMTPServerDisconnected, OSError):
            close_connection()
            if fresh or attempt == 2:
                raise


def _hand_over(mail: bytes, deadline: float) -> None:
    """The mail itself. From here on a broken line leaves it open whether it was accepted."""
    smtp = _kept.smtp
    assert smtp is not None
    try:
        _limit(smtp, deadline)
        # Base64 lines and headers never begin with a dot, so there is none to stuff.
        smtp.send(mail + b".\r\n")
        # A relay may look into the mail before it answers (RFC 5321, 4.5.3.2.6).
        smtp.until = max(deadline, time.monotonic() + 1)
        answer = smtp.getreply()
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


def _connection(url: str, deadline: float) -> _Line:
    stale = (
        time.monotonic() - _kept.used_at > MAX_IDLE_S
        or _kept.sent >= MAX_MAILS_PER_CONNECTION
        or _kept.url != url
    )
    if _kept.smtp is not None and stale:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            _kept.smtp.docmd("QUIT")
        close_connection()
    if _kept.smtp is None:
        _kept.smtp, _kept.url = _connect(url, deadline), url
        _kept.sent = _kept.deferred = 0
        _kept.used_at = time.monotonic()
    _kept.smtp.until = time.monotonic() + _remaining(deadline)  # if none is left, the next uses it
    return _kept.smtp


def _connect(url: str, deadline: float) -> _Line:
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port
    timeout = _remaining(deadline)
    smtp: _Line
    if parts.scheme == "smtps":
        smtp = _TlsLine(deadline, host, port or 465, timeout=timeout, context=_tls())
    elif parts.scheme == "smtp":
        smtp = _Line(deadline, host, port or 587, timeout=timeout)
    else:
        raise SendError("REGULARS_SMTP_URL must begin with smtp:// or smtps://.")
    try:
        smtp.ehlo_or_helo_if_needed()
        if parts.scheme == "smtp" and smtp.has_extn("starttls"):
            smtp.starttls(context=_tls())
            smtp.ehlo()
        if parts.username:
            if not isinstance(smtp.sock, ssl.SSLSocket) and not _is_loopback(host):
                raise SendError("The mail relay offers no encryption; the password stays here.")
            smtp.login(unquote(parts.username), unquote(parts.password or ""))
    except smtplib.SMTPAuthenticationError as error:
        smtp.close()
        raise SendError("The mail relay refused the user name or the password.") from error
    except BaseException:
        smtp.close()
        raise
    return smtp


def _tls() -> ssl.SSLContext:
    """Trust the machine's authorities; to read them takes longer than to send a mail."""
    return ssl.create_default_context()


def _expect(stage: Stage, answer: tuple[int, bytes], wanted: tuple[int, ...]) -> None:
    """Continue if the relay agreed; otherwise reset the connection for the next
    message, and raise.
    """
    code, text = answer
    if code in wanted:
        return
    _kept.deferred = _kept.deferred + 1 if 400 <= code < 500 else 0
    if code in (-1, 421) or _kept.smtp is None or _kept.deferred >= MAX_DEFERRALS:
        close_connection()
    else:
        try:
            _kept.smtp.rset()
        except (smtplib.SMTPException, OSError):
            close_connection()
    if code == -1:
        raise smtplib.SMTPServerDisconnected("no answer")
    raise read_refusal(stage, code, text.decode("utf-8", "replace"))


def _utf8_option(smtp: smtplib.SMTP, envelope: Envelope) -> list[str]:
    if all(a.rpartition("@")[0].isascii() for a in (envelope.sender, envelope.recipient)):
        return []
    if not smtp.has_extn("smtputf8"):
        raise SendError("The mail relay takes no addresses beyond ASCII.", permanent=True)
    return ["SMTPUTF8"]


def _limit(smtp: _Line, deadline: float) -> None:
    try:
        left = _remaining(deadline)
    except SendError:
        close_connection()  # a mail was begun and not ended: the next must not follow it
        raise
    smtp.until = time.monotonic() + left
    if smtp.sock is not None:
        smtp.sock.settimeout(left)


def _remaining(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left < 1:
        raise SendError("There was no time left to send this in.")
    return min(CALL_TIMEOUT_S, left)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
