"""Connect to the relay of `REGULARS_SMTP_URL`: each of its answers has an end in time."""

import io
import ipaddress
import smtplib
import ssl
import time
from typing import Any
from urllib.parse import unquote, urlsplit

from plugin.channels.base import SendError

ANSWER_S = 30.0  # the longest that one answer of the relay may take, but for the last one
LEAST_S = 1.0  # with less time left nothing is begun


class Answers(io.RawIOBase):
    """What the relay says, read until a moment: an answer of many slow lines ends no later."""

    def __init__(self, line: "Line") -> None:
        self._line = line

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some of it."""
        sock = self._line.sock
        assert sock is not None
        left = self._line.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("The mail relay's answer took too long.")
        sock.settimeout(left)
        return sock.recv_into(buffer)


class Line(smtplib.SMTP):
    """A connection of which each answer comes in time, and all of them before `deadline`, by
    time.monotonic().
    """

    def __init__(self, deadline: float, host: str, port: int, **options: Any) -> None:
        self.deadline = self.until = deadline
        super().__init__(host, port, **options)

    def getreply(self, patience_s: float | None = None) -> tuple[int, bytes]:
        """Read the next answer, within `patience_s` (`ANSWER_S` if None)."""
        patience_s = ANSWER_S if patience_s is None else patience_s
        self.until = min(self.deadline, time.monotonic() + patience_s)
        if self.file is None:
            self.file = io.BufferedReader(Answers(self))
        return super().getreply()


class TlsLine(Line, smtplib.SMTP_SSL):
    """A connection that is encrypted from its beginning."""


def connect(url: str, deadline: float) -> Line:
    """Connect, encrypt and log in.

    Raises:
        SendError: the address makes no sense, or the relay does not let us in.
        SMTPException, OSError: it cannot be reached, or answers oddly.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port
    timeout = time_left(deadline)
    line: Line
    if parts.scheme == "smtps":
        line = TlsLine(deadline, host, port or 465, timeout=timeout, context=_tls())
    elif parts.scheme == "smtp":
        line = Line(deadline, host, port or 587, timeout=timeout)
    else:
        raise SendError("REGULARS_SMTP_URL must begin with smtp:// or smtps://.", away=True)
    try:
        line.ehlo_or_helo_if_needed()
        if parts.scheme == "smtp" and line.has_extn("starttls"):
            line.starttls(context=_tls())
            line.ehlo()
        if parts.username:
            if not isinstance(line.sock, ssl.SSLSocket) and not _is_loopback(host):
                raise SendError(
                    "The mail relay offers no encryption; the password stays here.", away=True
                )
            line.login(unquote(parts.username), unquote(parts.password or ""))
    except smtplib.SMTPAuthenticationError as error:
        line.close()
        raise SendError(
            f"The mail relay refused the user name or the password ({error.smtp_code}).", away=True
        ) from error
    except BaseException:
        line.close()
        raise
    return line


def time_left(deadline: float, least_s: float | None = None) -> float:
    """How long the next answer may take.

    Raises:
        SendError: there is no time for one, which takes `least_s` (`LEAST_S` if None).
    """
    left = deadline - time.monotonic()
    if left < (LEAST_S if least_s is None else least_s):
        raise SendError("There was no time left to send this in.", away=True)
    return min(ANSWER_S, left)


def _tls() -> ssl.SSLContext:
    """Trust the machine's authorities; to read them takes longer than to send a mail."""
    return ssl.create_default_context()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
