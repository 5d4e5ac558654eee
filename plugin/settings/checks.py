"""What a setting may hold. Each check returns the value, or raises a ValueError that goes on after
the setting's name and says what would be right. None repeats a value that may hold a password.
"""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, quote, urlsplit

RELAY = "smtp://user:password@mail.example.com:587"
# Any of these ends a URL's user, password or host early (RFC 3986, 3.2).
_RESERVED = re.compile(r"[#/?@\[\]\\\s\x00-\x1f\x7f]")
_BEYOND_HOST = re.compile(r"[#/?\\\s]")
_HEADER = re.compile(r"[A-Za-z0-9-]+\Z")
_ADDRESS = re.compile(r"[^\s@<>\"]+@[^\s@<>\".]+(\.[^\s@<>\".]+)+")
_PAIR = re.compile(r"([^\s=]+\.[^\s=.]+)=([^\s=@]+\.[^\s=.@]+)")
MIN_SECRET_CHARS, MIN_TOKEN_CHARS = 32, 16
DNS_PORT = 53


def not_empty(text: str) -> str:
    """Any words at all."""
    if not text.strip():
        raise ValueError("is not set. Set it in the environment or in .env.")
    return text


def secret_key(text: str) -> str:
    """One key, or several as `id:key,id:key`."""
    keys = [part.rpartition(":")[2] for part in not_empty(text).split(",") if part]
    if not keys or any(len(key) < MIN_SECRET_CHARS for key in keys):
        raise ValueError(
            f"must hold at least {MIN_SECRET_CHARS} characters. Make one with "
            "`openssl rand -hex 32`."
        )
    return text


def long_enough(text: str) -> str:
    """A token that cannot be guessed, if it is set."""
    if text and (len(text) < MIN_TOKEN_CHARS or not text.isascii() or not text.isprintable()):
        raise ValueError(
            f"must hold at least {MIN_TOKEN_CHARS} plain characters. Make one with "
            "`openssl rand -hex 32`."
        )
    return text


def web_address(text: str) -> str:
    """Where a server answers over HTTP."""
    parts = _split(text)
    usable = parts and parts.hostname and parts.scheme in ("http", "https")
    if not usable or re.search(r"[@?#\s]", text):
        raise ValueError("must be a web address, such as https://regulars.example.com.")
    return text


def web_address_or_none(text: str) -> str:
    """As `web_address`, if it is set."""
    return web_address(text) if text else text


def relay_address(text: str) -> str:
    """A mail relay. What a URL reads otherwise than its author is refused: a raw # in a password
    would send mail to another host, without that password.
    """
    if not text:
        return text
    scheme, separator, rest = text.partition("://")
    if scheme not in ("smtp", "smtps") or not separator:
        raise ValueError(f"must begin with smtp:// or smtps://, as {RELAY}.")
    user, _, host = rest.rpartition("@")
    if found := _RESERVED.search(user):
        right = quote(found[0], safe="")
        raise ValueError(
            f"has a raw {_shown(found[0])} in its user or password. Write it as {right}."
        )
    parts = _split(text)
    if parts is None or not parts.hostname or _BEYOND_HOST.search(host.removesuffix("/")):
        raise ValueError(f"must name a host and a port, as {RELAY}.")
    return text


def database_address(text: str) -> str:
    """SQLite or PostgreSQL, if it is set."""
    kind = text.partition("://")[0].partition("+")[0]
    if text and ("://" not in text or kind not in ("sqlite", "postgresql", "postgres")):
        raise ValueError(
            "must begin with sqlite:// or postgresql://, as postgresql://user@host/regulars."
        )
    return text


def broker_address(text: str) -> str:
    """Valkey, Redis or RabbitMQ, if it is set."""
    kinds = ("redis", "rediss", "valkey", "valkeys", "unix", "amqp", "amqps")
    if text and ("://" not in text or text.partition("://")[0] not in kinds):
        raise ValueError(
            "must begin with redis://, valkey:// or amqp://, as redis://127.0.0.1:6379."
        )
    return text


def header_name(text: str) -> str:
    """The name of a mail's header, if it is set."""
    if text and not _HEADER.match(text):
        raise ValueError("must be a header's name, such as Idempotency-Key.")
    return text


def mail_address(text: str) -> str:
    """An address that mail may come from, if it is set."""
    if text and not _ADDRESS.fullmatch(text):
        raise ValueError("must be an email address, such as mail@example.com.")
    return text


def sender_domains(text: str) -> dict[str, frozenset[str]]:
    """The domains of each shop, from pairs between commas."""
    found: dict[str, frozenset[str]] = {}
    for each in filter(None, map(str.strip, text.lower().split(","))):
        pair = _PAIR.fullmatch(each)
        if pair is None:
            raise ValueError(
                f"holds {each}, which is no pair, such as name.myshopify.com=example.com."
            )
        found[pair[1]] = found.get(pair[1], frozenset()) | {pair[2]}
    return found


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses and networks between commas."""
    found = []
    for each in filter(None, map(str.strip, text.split(","))):
        try:
            found.append(ip_network(each))
        except ValueError:
            raise ValueError(
                f"holds {each}, which is no address or network, such as 10.0.0.7 or 10.0.0.0/8."
            ) from None
    return tuple(found)


def name_servers(text: str) -> tuple[tuple[str, int], ...]:
    """(address, port) of each server between commas."""
    found = []
    for each in filter(None, map(str.strip, text.split(","))):
        parts = _split(f"//{each}") or SplitResult("", "", "", "", "")
        try:
            found.append((str(ip_address(parts.hostname or "")), parts.port or DNS_PORT))
        except ValueError:
            raise ValueError(
                f"holds {each}, which is no address, such as 192.0.2.53 or [2001:db8::1]:5353."
            ) from None
    return tuple(found)


def _split(text: str) -> SplitResult | None:
    """A URL's parts, if it is one and its port is one."""
    try:
        parts = urlsplit(text)
        return parts if parts.port is None or parts.port > 0 else None
    except ValueError:
        return None


def _shown(character: str) -> str:
    return character if character.isprintable() and character != " " else "space"
