"""Determine a request's client IP.

`X-Forwarded-For` is a list to which each proxy adds the IP that it was called from. It is read from
its end, as far as the entries are those of proxies that the settings trust: any client may have
written the entries before.
"""

from starlette.requests import Request

from plugin import client_networks
from plugin.client_networks import Address, is_trusted, parse_address

MAX_PROXIES = 20  # proxies


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
        if not is_trusted(found):
            if not told:
                break
            told = False  # the note of Shopify's proxy; no further one is to be believed
        found = earlier
    return "" if found is None else str(found)


def networks_of(address: str) -> tuple[str, ...]:
    """What to count an address's requests under, from the narrowest network to the widest."""
    found = _read(address)
    return (address,) if found is None else client_networks.networks_of(found)


def _read(note: str) -> Address | None:
    """An address out of a note, with or without its port."""
    text = note.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return parse_address(text)
