"""A shop's record of an app: its identity, address, scopes and subscriptions."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

API_VERSION = "2026-10"


@dataclass(frozen=True)
class App:
    """An app as Shopify's partner dashboard describes it."""

    client_id: str
    client_secret: str = field(repr=False)
    url: str = "http://127.0.0.1:8000"
    name: str = "Regulars"
    handle: str = "regulars"
    api_version: str = API_VERSION
    scopes: tuple[str, ...] = ()
    topics: frozenset[str] | None = None  # None: every topic there is
    webhook_uri: str = "/webhooks/shopify"
    webhook_headers: str = "X-Shopify-"  # or Shopify-, as next-generation events have it
    proxy_prefix: str = "apps"
    proxy_subpath: str = "regulars"
    proxy_path: str = "/proxy"
    pixel_path: str = "/pixel"

    @classmethod
    def from_manifest(
        cls, path: str | Path, *, client_id: str, client_secret: str, url: str
    ) -> "App":
        """Read the app's own description of itself."""
        said = tomllib.loads(Path(path).read_text())
        webhooks, proxy = said.get("webhooks", {}), said.get("app_proxy", {})
        return cls(
            client_id=client_id,
            client_secret=client_secret,
            url=url.rstrip("/"),
            name=said["name"],
            handle=said["handle"],
            api_version=said.get("api_version", API_VERSION),
            scopes=tuple(said.get("scopes", ())),
            topics=frozenset(webhooks.get("topics", ())),
            webhook_uri=webhooks.get("uri", cls.webhook_uri),
            proxy_prefix=proxy.get("prefix", cls.proxy_prefix),
            proxy_subpath=proxy.get("subpath", cls.proxy_subpath),
            proxy_path=proxy.get("path", cls.proxy_path),
            pixel_path=said.get("pixel", {}).get("path", cls.pixel_path),
        )

    @property
    def webhook_url(self) -> str:
        """Where deliveries go. An absolute uri stands as it is."""
        return self.webhook_uri if "://" in self.webhook_uri else self.url + self.webhook_uri

    @property
    def proxy_base(self) -> str:
        """The storefront path that Shopify forwards to the app."""
        return f"/{self.proxy_prefix}/{self.proxy_subpath}"

    def hears(self, topic: str) -> bool:
        """Whether the app subscribed to a topic."""
        return self.topics is None or topic in self.topics
