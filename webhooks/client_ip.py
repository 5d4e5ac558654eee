"""Determine a request's client IP.

`X-Forwarded-For` is a list to which each proxy adds the IP that it was called from. It is read from
its end, as far as the entries are those of proxies that the settings trust: any client may have
written the entries before.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import Request

from plugin.settings import get_settings

Address = IPv4Address | IPv6Address

MAX_PROXIES = 20  # proxies
IPV6_BITS = 128
# Of an IPv6 address: a household has a network of 64 bits or delegates it by 56, a site by 48
# (RFC 6177), and each chooses the rest of its addresses freely.
NETWORK_BITS = (64, 56, 48)


def address_of(request: Request, *, through_shopify: bool = False) -> str:
    """The address that a request came from, or empty text when nothing says so.

    Args:
        through_shopify: the request's signature says that Shopify's app proxy passed it on. It
            notes the shopper's own address (shopify.dev: authenticate app proxies).
    """
    notes = ",".join(request.headers.getlist("x-forwarded-for")).split(",")[-MAX_PROXIES:]
    # Without an address it came through a socket of this machine's: the last note is a proxy's.
    peers = [request.client.host] if request.client else []
    found, *before = [_read(note) for note in (*peers, *reversed(notes))]
    told = through_shopify
    for earlier in before:
        if found is None or earlier is None:
            break
        if not _is_trusted(found):
            if not told:
                break
            told = False  # the note of Shopify's proxy; no further one is to be believed
        found = earlier
    return "" if found is None else str(found)


def networks_of(address: str) -> tuple[str, ...]:
    """What to count an address's requests under, from the narrowest network to the widest."""
    found = _read(address)
    if isinstance(found, IPv6Address):
        return tuple(f"{int(found) >> IPV6_BITS - bits:x}/{bits}" for bits in NETWORK_BITS)
    return (address,)


def _read(note: str) -> Address | None:
    """An address out of a note, with or without its port."""
    text = note.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found


@lru_cache(maxsize=4_096)
def _is_trusted(address: Address) -> bool:
    return any(address in network for network in get_settings().trusted_networks())
