"""Keep of a page's URL what names a page and a campaign, and nothing that names a person: links in
mails, order pages and accounts carry addresses and tokens.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit

from plugin.values import without_unstorable

MAX_URL_CHARS = 300  # of an address
MAX_TAG_CHARS = 200  # of one campaign tag
CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
TAGS = (*CAMPAIGN, "variant")
# Pages behind these are personal: a checkout, an order's page, a cart's link.
PRIVATE_PATHS = frozenset(
    ("account", "cart", "carts", "checkout", "checkouts", "orders", "invoices")
)
# They bring a shopper back from paying, and are no source of traffic.
PAYMENT_DOMAINS = ("shop.app", "shopify.com", "paypal.com", "klarna.com", "stripe.com")


def clean_page_url(page_url: str) -> str:
    """A page's address: `https://shop.example/products/balm?utm_source=x`, or ""."""
    try:
        parts = urlsplit(without_unstorable(page_url[:2_000]))
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    kept: list[str] = []
    for part in parts.path.split("/"):
        if "@" not in part and "%40" not in part:
            kept.append(part)
        if part in PRIVATE_PATHS:
            break
    tags = urlencode(_tags(parts.query))
    address = f"{parts.scheme}://{host}{'/'.join(kept)}"[:MAX_URL_CHARS]
    return f"{address}?{tags}"[: 4 * MAX_URL_CHARS] if tags else address


def traffic_source(url: str, referrer: str) -> dict[str, str]:
    """Return the source of a visit: {referrer_host, utm_…}, as far as it is known.

    `url` is one of `page`; a page of the same site, or of a payment provider, is no source.
    """
    if not url:
        return {}
    parts = urlsplit(url)
    found = {name: value for name, value in _tags(parts.query) if name in CAMPAIGN}
    host = _host(referrer)
    if host and host != _host(url) and not _ends(host, PAYMENT_DOMAINS):
        found["referrer_host"] = host
    return found


def _tags(query: str) -> list[tuple[str, str]]:
    return [
        (name, value[:MAX_TAG_CHARS])
        for name, text in parse_qsl(query)
        if name in TAGS and (value := without_unstorable(text)) and "@" not in value
    ]


def _host(address: str) -> str:
    try:
        host = urlsplit(without_unstorable(address[:2_000])).hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.")[:MAX_TAG_CHARS]


def _ends(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith("." + domain) for domain in domains)
