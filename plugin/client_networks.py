"""The networks of clients: in which one person has many addresses, and our proxies'."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from plugin.settings import get_settings

Address = IPv4Address | IPv6Address

IPV6_BITS = 128
# Of an IPv6 address: a household has a network of 64 bits or delegates it by 56, a site by 48
# (RFC 6177), and each chooses the rest of its addresses freely.
NETWORK_BITS = (64, 56, 48)


def parse_address(text: str) -> Address | None:
    """An address, of IPv4 where it is one in the form of IPv6; None if it is none."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found


def networks_of(address: Address) -> tuple[str, ...]:
    """What to count a client under, from the narrowest network to the widest."""
    if isinstance(address, IPv6Address):
        return tuple(f"{int(address) >> IPV6_BITS - bits:x}/{bits}" for bits in NETWORK_BITS)
    return (str(address),)


@lru_cache(maxsize=4_096)
def is_trusted(address: Address) -> bool:
    """Whether it is a proxy's that the settings trust."""
    return any(address in network for network in get_settings().trusted_networks())
