"""Settings: what the operator sets, by `REGULARS_…` in the environment or in a `.env` file."""

from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from plugin.errors import RegularsError
from plugin.settings import checks

MAX_DAYS, MAX_MONTHS = 36_500, 1_200
MAX_REQUESTS = 10_000_000
WebAddress = Annotated[str, AfterValidator(checks.web_address)]
Filled = Annotated[str, AfterValidator(checks.not_empty)]
Days = Annotated[int, Field(ge=1, le=MAX_DAYS)]
Requests = Annotated[int, Field(ge=1, le=MAX_REQUESTS)]


class LogFormat(StrEnum):
    """How a line of the logs is written."""

    LOGFMT = "logfmt"  # key=value
    JSON = "json"


class LogLevel(StrEnum):
    """How much the logs tell."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Settings(BaseSettings):
    """The installation's settings. Every field is `REGULARS_` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="REGULARS_", env_file=".env", extra="ignore")

    data_dir: Path = Field(Path("var/data"), description="databases and the broker's files")
    database_url: Annotated[str, AfterValidator(checks.database_address)] = Field(
        "", description="empty: SQLite in data_dir"
    )
    broker_url: Annotated[str, AfterValidator(checks.broker_address)] = Field(
        "", description="redis://, valkey:// or amqp://; empty: our own Valkey"
    )
    url: WebAddress = Field(
        "http://127.0.0.1:8000", description="where the outside world reaches us"
    )
    secret_key: Annotated[str, AfterValidator(checks.secret_key)] = Field(
        description="32 characters or more; `old-id:key,…` may follow a comma"
    )
    shopify_client_id: Filled = Field(description="your app's, from Shopify's developer dashboard")
    shopify_client_secret: Filled = Field(description="your app's, beside its client id")
    shopify_old_client_secret: str = Field("", description="still accepted while it is rotated")
    shopify_origin: Annotated[str, AfterValidator(checks.web_address_or_none)] = Field(
        "", description="empty: https://{shop}; the dev store's address"
    )
    app_bridge_url: WebAddress = Field(
        "https://cdn.shopify.com/shopifycloud/app-bridge.js",
        description="Shopify's script for apps in its admin; the dev store has its own",
    )
    trusted_proxies: str = Field(
        "127.0.0.0/8,::1",
        description="trusted for X-Forwarded-For: addresses and networks",
    )
    answers_per_minute: Requests = Field(30, description="of a form, from one address to one shop")
    answers_per_minute_of_shop: Requests = Field(1_000, description="of all forms of one shop")
    hints_per_minute: Requests = Field(300, description="views and browser events, of an address")
    hints_per_minute_of_shop: Requests = Field(
        30_000, description="views and browser events, of one shop"
    )
    smtp_url: Annotated[str, AfterValidator(checks.relay_address)] = Field(
        "", description="smtp://user:password@host:port, smtps:// for TLS"
    )
    smtp_idempotency_header: Annotated[str, AfterValidator(checks.header_name)] = Field(
        "", description="the header by which the relay knows a repeated mail, if it offers one"
    )
    sender_email: Annotated[str, AfterValidator(checks.mail_address)] = Field(
        "", description="ours: for shops without a proven address"
    )
    sender_domains: str = Field("", description="shop=domain, …: what it may write from unasked")
    trust_store_email: bool = Field(
        False, description="the address that Shopify names as a store's own needs no proof"
    )
    dns_servers: str = Field(
        "", description="where senders' domains are looked up; empty: as this machine does"
    )
    dkim_selectors: str = Field("", description="the names of the relay's DKIM keys in DNS")
    log_format: Annotated[LogFormat, BeforeValidator(str.lower)] = Field(
        LogFormat.LOGFMT, description="of a line: logfmt or json"
    )
    log_level: Annotated[LogLevel, BeforeValidator(str.lower)] = Field(
        LogLevel.INFO, description="debug, info, warning or error; none shows addresses"
    )
    metrics_token: Annotated[str, AfterValidator(checks.long_enough)] = Field(
        "", description="a Bearer token that opens /metrics; empty: only this machine may read it"
    )
    max_event_age_hours: int = Field(24, ge=1, le=24 * 365, description="older starts no flow")
    import_mb: int = Field(500, ge=1, le=1_000_000, description="of the largest file, in MB")
    keep_access_log_days: Days = Field(365, description="who viewed which shopper's data")
    keep_events_months: int = Field(
        25, ge=1, le=MAX_MONTHS, description="what shoppers did, and their visits"
    )
    keep_deliveries_days: Days = Field(7, description="digested webhooks, to look into")
    keep_failed_webhooks_days: Days = Field(30, description="the content of failed webhooks")
    attribution_days: int = Field(
        5, ge=0, le=MAX_DAYS, description="a click earns an order for this long"
    )

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

    @field_validator("sender_domains")
    @classmethod
    def _are_pairs(cls, text: str) -> str:
        _domains(text)
        return text

    def domains_of(self, shop: str) -> frozenset[str]:
        """The domains that a shop may write from without a proof of its own."""
        return _domains(self.sender_domains).get(shop, frozenset())

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
    return checks.networks(text)


@lru_cache
def _domains(text: str) -> dict[str, frozenset[str]]:
    return checks.sender_domains(text)


@lru_cache
def _servers(text: str) -> tuple[tuple[str, int], ...]:
    return checks.name_servers(text)


@lru_cache
def get_settings() -> Settings:
    """This process's settings.

    Raises:
        RegularsError: some are missing or make no sense; the message has a line for each.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise RegularsError("\n".join(map(_sentence, error.errors()))) from None


def _sentence(problem: ErrorDetails) -> str:
    """What is wrong with a setting and what would be right, without its value."""
    field = str(problem["loc"][0])
    default = Settings.model_fields[field].default
    limits: dict[str, Any] = problem.get("ctx", {})
    words = {
        "missing": "is not set. Set it in the environment or in .env.",
        "value_error": str(limits.get("error")),
        "enum": f"must be {str(limits.get('expected')).replace(chr(39), '')}.",
        "bool_parsing": "must be true or false.",
        "int_parsing": f"must be a whole number, such as {default}.",
        "greater_than_equal": f"must be {limits.get('ge')} or more, such as {default}.",
        "less_than_equal": f"must be {limits.get('le')} or less, such as {default}.",
    }
    told = words.get(problem["type"], f"cannot be used. {problem['msg']}.")
    return f"REGULARS_{field.upper()} {told}"
