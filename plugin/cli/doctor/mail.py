"""Mail: the relay's login, and what DNS says of the senders' domains. No mail is sent."""

import contextlib
import smtplib
import ssl
import time
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from plugin.channels.base import SendError
from plugin.channels.email import connection
from plugin.channels.email.sender_dns import RecordState, SenderDns, read_sender_dns
from plugin.cli.doctor.findings import Finding, failed, ok, warning
from plugin.settings import Settings
from plugin.values import ascii_domain

TIME_LIMIT_S = 15.0
MAX_DOMAINS = 20
HOW = {
    "SPF": "Publish the relay's, as v=spf1 include:… -all",
    "DKIM": "Publish the relay's key, and set its selector as REGULARS_DKIM_SELECTORS",
    "DMARC": "Publish one at _dmarc, as v=DMARC1; p=none",
}


def examine_relay(settings: Settings) -> Iterator[Finding]:
    """Whether the relay takes our login."""
    if not settings.smtp_url:
        yield warning("relay", "REGULARS_SMTP_URL is not set: no mail goes out.")
        return
    parts = urlsplit(settings.smtp_url)
    where = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    try:
        is_encrypted = _log_in(settings.smtp_url)
    except SendError as error:
        yield failed("relay", f"{where}: {error.message} Look at REGULARS_SMTP_URL.")
    except (smtplib.SMTPException, OSError) as error:
        yield failed(
            "relay", f"{where} cannot be used: {_reason(error)}. Look at REGULARS_SMTP_URL."
        )
    else:
        how = "encrypted" if is_encrypted else "without encryption"
        login = "takes the login" if parts.username else "asks for no login"
        yield ok("relay", f"{where} answers, {how}, and {login}")


def _log_in(url: str) -> bool:
    """Connect, encrypt and log in as for a mail, and hang up; whether the line was encrypted."""
    line = connection.connect(url, time.monotonic() + TIME_LIMIT_S)
    try:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            line.putcmd("QUIT")
        return isinstance(line.sock, ssl.SSLSocket)
    finally:
        line.close()


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return f"no answer in {TIME_LIMIT_S:.0f} s"
    return getattr(error, "strerror", None) or type(error).__name__


def examine_senders(addresses: Sequence[str]) -> Iterator[Finding]:
    """What DNS says of the domains that stores write from."""
    domains = {ascii_domain(address.rpartition("@")[2]) for address in addresses}
    for domain in sorted(filter(None, domains))[:MAX_DOMAINS]:
        found = read_sender_dns(domain)
        problems = [*_problems(found)]
        if RecordState.BROKEN in found:
            yield failed("dns", f"{domain}: {' '.join(problems)}")
        elif problems:
            yield warning("dns", f"{domain}: {' '.join(problems)}")
        else:
            yield ok("dns", f"{domain} has SPF, DKIM and DMARC ({found.policy})")


def _problems(found: SenderDns) -> Iterator[str]:
    for name, state in (("SPF", found.spf), ("DKIM", found.dkim), ("DMARC", found.dmarc)):
        if state is RecordState.MISSING:
            yield f"no {name} record, which Gmail and Yahoo ask for. {HOW[name]}."
        elif state is RecordState.BROKEN:
            yield f"{name} cannot be used: there may be one record, with a policy. {HOW[name]}."
        elif state is RecordState.UNKNOWN and name == "DKIM":
            yield f"DKIM is not known. {HOW[name]}."
        elif state is RecordState.UNKNOWN:
            yield f"no name server says whether there is {name}. Look at REGULARS_DNS_SERVERS."
