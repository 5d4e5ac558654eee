"""Settings: what the operator sets, by `REGULARS_…` in the environment or in a `.env` file."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from plugin.errors import RegularsError

DNS_PORT = 53


class Settings(BaseSettings):
    """The installation's settings. Every field is `REGULARS_` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="REGULARS_", env_file=".env", extra="ignore")

    data_dir: Path = Field(Path("var/data"), description="databases and the broker's files")
    database_url: str = Field("", description="empty: SQLite in data_dir")
    broker_url: str = Field("", description="redis://, valkey:// or amqp://; empty: our own Valkey")
    url: str = Field("http://127.0.0.1:8000", description="where the outside world reaches us")
    secret_key: str = Field(description="32 characters or more; `old-id:key,…` may follow a comma")
    shopify_client_id: str
    shopify_client_secret: str
    shopify_old_client_secret: str = Field("", description="still accepted while it is rotated")
    shopify_origin: str = Field("", description="empty: https://{shop}; the dev store's address")
    app_bridge_url: str = "https://cdn.shopify.com/shopifycloud/app-bridge.js"
    trusted_proxies: str = Field(
        "127.0.0.0/8,::1",
        description="trusted for X-Forwarded-For: addresses and networks",
    )
    answers_per_minute: int = Field(30, description="of a form, from one address to one shop")
    answers_per_minute_of_shop: int = 1_000
    hints_per_minute: int = Field(300, description="views and browser events, from one address")
    hints_per_minute_of_shop: int = 30_000
    smtp_url: str = Field("", description="smtp://user:password@host:port, smtps:// for TLS")
    smtp_idempotency_header: str = Field(
        "", description="the header by which the relay knows a repeated mail, if it offers one"
    )
    dns_servers: str = Field(
        "", description="where senders' domains are looked up; empty: as this machine does"
    )
    dkim_selectors: str = Field("", description="under which the relay's keys stand in DNS")
    max_event_age_hours: int = Field(24, description="older news starts no flow")
    import_mb: int = Field(500, ge=1, description="of the largest file of profiles, in MB")
    keep_access_log_days: int = Field(365, ge=1, description="who viewed which shopper's data")
    keep_events_months: int = Field(25, ge=1, description="what shoppers did, and their visits")
    keep_deliveries_days: int = Field(7, ge=1, description="digested webhooks, to look into")
    attribution_days: int = Field(5, description="a click earns an order for this long")

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        _networks(text)
        return text

    @field_validator("dns_servers")
    @classmethod
    def _are_servers(cls, text: str) -> str:
        _servers(text)
        return text

    def name_servers(self) -> tuple[tuple[str, int], ...]:
        """The (address, port) of each of `dns_servers`."""
        return _servers(self.dns_servers)

    def trusted_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of `trusted_proxies`."""
        return _networks(self.trusted_proxies)

    def database(self) -> str:
        """The database's address."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'regulars.db'}"

    def keys(self) -> dict[str, str]:
        """The secret keys by id; the first seals, all of them open.

        `REGULARS_SECRET_KEY` is one key, or several as `id:key,id:key`.
        """
        parts = [part for part in self.secret_key.split(",") if part]
        pairs = [part.split(":", 1) if ":" in part else ["1", part] for part in parts]
        return dict(pairs)

    def client_secrets(self) -> list[str]:
        """Shopify signs with the first; the one before it counts while it is rotated."""
        both = (self.shopify_client_secret, self.shopify_old_client_secret)
        return [secret for secret in both if secret]


@lru_cache
def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())


@lru_cache
def _servers(text: str) -> tuple[tuple[str, int], ...]:
    parts = [urlsplit(f"//{each.strip()}") for each in text.split(",") if each.strip()]
    return tuple((str(ip_address(part.hostname or "")), part.port or DNS_PORT) for part in parts)


@lru_cache
def get_settings() -> Settings:
    """This process's settings.

    Raises:
        RegularsError: one is missing or makes no sense; the message names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        problem = error.errors()[0]
        name = "REGULARS_" + str(problem["loc"][0]).upper()
        if problem["type"] == "missing":
            raise RegularsError(
                f"{name} is not set. Set it in the environment or in .env."
            ) from None
        raise RegularsError(f"{name} cannot be used: {problem['msg']}.") from None
