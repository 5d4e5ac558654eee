"""Read what a sender's domain says of its mail in DNS: SPF, DKIM, DMARC, and which shops may write
from it.

Nothing here is cached beyond what the resolver itself keeps, and no question takes longer than
`LIFETIME_S`: a merchant waits for the answer.
"""

from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import dns.exception
import dns.resolver
from dns.nameserver import Do53Nameserver
from dns.rdatatype import TXT

from plugin.settings import get_settings
from plugin.values import ascii_domain

LIFETIME_S = 2.0  # for one question, over all servers
MAX_RECORD_CHARS = 1_000
PROOF_HOST = "_regulars"  # its TXT records name the shops that may write from the domain
MAX_PARENTS = 4  # of a domain that are asked for a DMARC record, itself included


class RecordState(StrEnum):
    """What DNS says of one of a domain's records."""

    SET = "set"
    MISSING = "missing"
    BROKEN = "broken"  # several where one may stand, or a policy that says nothing
    UNKNOWN = "unknown"  # no name server answered, or we do not know where to look


class SenderDns(NamedTuple):
    """What stands in DNS about mail of a domain; `policy` is DMARC's: none, quarantine, reject."""

    spf: RecordState
    dkim: RecordState
    dmarc: RecordState
    policy: str = ""


def read_sender_dns(domain: str) -> SenderDns:
    """Read how mail of a domain can be authenticated (RFC 7208, 6376, 7489).

    Where the first question gets no answer, no other is asked.
    """
    spf = _spf(domain)
    if spf is RecordState.UNKNOWN:
        return SenderDns(spf, RecordState.UNKNOWN, RecordState.UNKNOWN)
    dmarc, policy = _dmarc(domain)
    return SenderDns(spf, _dkim(domain), dmarc, policy)


def names_shop(domain: str, words: Collection[str]) -> bool:
    """Whether a TXT record of `_regulars` is one of a shop's words; False where none answers."""
    return not set(words).isdisjoint(_texts(f"{PROOF_HOST}.{domain}") or ())


def _spf(domain: str) -> RecordState:
    texts = _texts(domain)
    if texts is None:
        return RecordState.UNKNOWN
    return _one(text for text in texts if text.lower().split(" ")[0] == "v=spf1")


def _dkim(domain: str) -> RecordState:
    """Look under the relay's selectors: DNS does not list them."""
    selectors = get_settings().dkim_selectors.replace(",", " ").split()
    found = [_texts(f"{selector}._domainkey.{domain}") for selector in selectors]
    if any("p=" in text and not _is_revoked(text) for texts in found for text in texts or ()):
        return RecordState.SET
    unsure = not selectors or None in found
    return RecordState.UNKNOWN if unsure else RecordState.MISSING


def _is_revoked(text: str) -> bool:
    """Whether a key record has an empty `p=` (RFC 6376, 3.6.1)."""
    return _tags(text).get("p") == ""


def _dmarc(domain: str) -> tuple[RecordState, str]:
    """Look at the domain, then above it: the record of the organization holds for those below."""
    labels = domain.split(".")
    for start in range(min(len(labels) - 1, MAX_PARENTS)):
        texts = _texts(f"_dmarc.{'.'.join(labels[start:])}")
        if texts is None:
            return RecordState.UNKNOWN, ""
        records = [text for text in texts if text.replace(" ", "").lower().startswith("v=dmarc1")]
        if records:
            tags = _tags(records[0])
            policy = (start and tags.get("sp")) or tags.get("p", "")
            is_known = policy in ("none", "quarantine", "reject") and len(records) == 1
            return (RecordState.SET, policy) if is_known else (RecordState.BROKEN, "")
    return RecordState.MISSING, ""


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs}


def _one(records: Iterator[str]) -> RecordState:
    count = len(list(records))
    return (RecordState.MISSING, RecordState.SET)[count] if count < 2 else RecordState.BROKEN


def _texts(name: str) -> Sequence[str] | None:
    """The TXT records of a name; None where no server said whether there are any."""
    known = ascii_domain(name)
    if known is None:
        return ()
    try:
        found = _resolver(get_settings().name_servers()).resolve(f"{known}.", TXT)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except dns.exception.DNSException:
        return None
    return [
        b"".join(record.strings).decode("utf-8", "replace")[:MAX_RECORD_CHARS] for record in found
    ]


@lru_cache(1)
def _resolver(servers: tuple[tuple[str, int], ...]) -> dns.resolver.Resolver:
    """The resolver of the installation: the system's, or the one that the operator names.

    Raises:
        DNSException: the system names no server.
    """
    made = dns.resolver.Resolver(configure=not servers)
    if servers:
        made.nameservers = [Do53Nameserver(*each) for each in servers]
    made.lifetime = LIFETIME_S
    return made
