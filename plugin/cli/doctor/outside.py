"""The way in from outside: whether Shopify can reach us, and what it brings."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx2

from plugin.cli.doctor.findings import Finding, failed, ok, warning
from plugin.settings import Settings

TIME_LIMIT_S = 5.0


def examine_address(settings: Settings) -> Iterator[Finding]:
    """Whether `/healthz` at our public address is ours."""
    url = settings.url.rstrip("/")
    try:
        answer = httpx2.get(f"{url}/healthz", timeout=TIME_LIMIT_S, follow_redirects=False)
    except httpx2.HTTPError as error:
        reason = str(error) or type(error).__name__
        yield failed(
            "address",
            f"{url} cannot be reached: {reason}. Start `regulars serve`; look at proxy and DNS.",
        )
        return
    if answer.is_redirect:
        yield failed(
            "address",
            f"{url} leads on to {answer.headers.get('location', '')}, which no webhook follows. "
            "Set REGULARS_URL to that.",
        )
    elif answer.status_code != 200 or answer.text != '{"status":"ok"}':
        yield failed(
            "address",
            f"At {url} something else answers, with {answer.status_code}. "
            "Let the proxy pass every path on, or set another REGULARS_URL.",
        )
    elif _is_loopback(url):
        yield warning("address", f"{url} answers, and Shopify cannot reach it. Set REGULARS_URL.")
    elif not url.startswith("https://"):
        yield failed("address", f"{url} answers, and Shopify takes only https:// addresses.")
    else:
        yield ok("address", f"{url} answers")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
