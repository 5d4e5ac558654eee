"""Where the links of one message lead: their addresses made whole, each under a number of its own.

An address is rendered where its link stands, so that a loop's variable and what `assign` names are
known in it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from liquid.exceptions import OutputStreamLimitError

from plugin.messages import links
from plugin.templates.liquid import MailTemplate
from plugin.templates.shopify_liquid.context import Addresses, MailContext

MAX_LINKS = 65_536  # in one message: a token holds two bytes for the number
ACTS = ("mailto", "tel", "sms")  # what a reader's device does, which is no visit

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ENCODED = re.compile(r"[\s\"<>]")  # WHATWG URL, percent-encode sets
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_MAILBOX = re.compile(r"[^\s/?#:@]+@[^\s/?#:@.]+(\.[^\s/?#:@.]+)+")
_HOST = re.compile(r"[^\s/?#:@.]+(\.[^\s/?#:@.]+)*\.[^\W\d_]{2,}(:\d+)?(?=[/?#]|\Z)")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a message is from, as its addresses need to know."""

    home: str  # the storefront, without a slash at its end
    domain: str  # the shop's at Shopify
    medium: str
    campaign: str
    tracks: bool = True  # whether links name it in the storefront's analytics


@dataclass(slots=True)
class MessageLinks(Addresses):
    """The links of one message, numbered in the order in which they are met."""

    here: links.Target
    sender: Sender
    sources: Sequence[MailTemplate]
    ways_out: frozenset[str]
    leads_to: list[str] = field(default_factory=list)
    _shown: dict[tuple[int, str], str] = field(default_factory=dict)

    def at(self, number: int, context: MailContext) -> str:
        """The address of our own that leads to a source's, or that itself when it is no visit."""
        if not 0 <= number < len(self.sources):
            return ""
        key = number, context.render_plain(self.sources[number])
        if key not in self._shown:
            self._shown[key] = self._show(key[1])
        return self._shown[key]

    def _show(self, written: str) -> str:
        address = make_whole(written, self.sender.home)
        if address.startswith("#") or _scheme(address) in ACTS or self._is_way_out(address):
            return address
        number = len(self.leads_to)
        if number >= MAX_LINKS:
            raise OutputStreamLimitError("too many links", token=None)
        self.leads_to.append(with_utm(address, self.sender))
        return links.click_url(links.Target(self.here.shop_id, self.here.message_id, number))

    def _is_way_out(self, address: str) -> bool:
        return re.split("[?#]", address)[0] in self.ways_out


def make_whole(written: str, home: str) -> str:
    """An address as browsers take it, from one that a merchant or an event wrote.

    What is relative is the shop's; a host or a mailbox without a scheme gets one. What is broken,
    empty or of a kind that a mail may not hold, as `javascript:`, leads to the shop.
    """
    address = _ENCODED.sub(lambda found: quote(found[0]), _CONTROL.sub("", written).strip())
    if address.startswith("#"):
        return address
    if address.startswith("//"):
        address = f"https:{address}"
    elif _HOST.match(address):
        address = f"https://{address}"
    elif _MAILBOX.fullmatch(address):
        address = f"mailto:{address}"
    elif address and _scheme(address) is None:
        address = urljoin(f"{home}/", address)
    scheme = _scheme(address)
    return address if scheme in ACTS or (scheme in ("http", "https") and _host(address)) else home


def with_utm(url: str, sender: Sender) -> str:
    """A URL of the shop's with the parameters that name the campaign in its own analytics."""
    if not sender.tracks or _host(url) not in {_host(sender.home), sender.domain}:
        return url
    parts = urlsplit(url)
    if "utm_source=" in parts.query:
        return url
    utm = {
        "utm_source": "regulars",
        "utm_medium": sender.medium,
        "utm_campaign": sender.campaign,
    }
    query = urlencode({name: value for name, value in utm.items() if value})
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}".strip("&")))


def _scheme(address: str) -> str | None:
    return found[1].lower() if (found := _SCHEME.match(address)) else None


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
