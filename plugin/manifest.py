"""The app's manifest: name, scopes, topics and who handles each, read from manifest.toml."""

import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import NotRequired, TypedDict, cast

from plugin.errors import RegularsError
from storage.engine.types import JsonObject

INTERVALS = ("EVERY_30_DAYS", "ANNUAL")  # shopify.dev, AppPricingInterval
PATH = Path(__file__).parents[1] / "manifest.toml"


@dataclass(frozen=True, slots=True)
class Billing:
    """What a shop pays for the app; in Shopify's words."""

    name: str
    price: Decimal
    currency: str
    interval: str = "EVERY_30_DAYS"
    trial_days: int = 0
    test: bool = False


class WebhooksTable(TypedDict):
    """Where webhooks arrive, and the handler of each topic."""

    uri: str
    topics: dict[str, str]


class ComplianceTable(TypedDict):
    """The handler of each mandatory privacy topic."""

    topics: dict[str, str]


class ProxyTable(TypedDict):
    """The storefront's addresses that arrive at ours."""

    prefix: str
    subpath: str
    path: str


class ExtensionTable(TypedDict):
    """An extension's names."""

    name: str
    handle: str


class PixelSetting(TypedDict):
    """What a shop's pixel is told."""

    name: str
    description: str


class PixelPrivacy(TypedDict):
    """What a shopper must allow before the pixel runs."""

    analytics: bool
    marketing: bool
    preferences: bool
    sale_of_data: str


class PixelTable(ExtensionTable):
    """The web pixel: where its events arrive, when it runs, and what it is told."""

    path: str
    privacy: PixelPrivacy
    settings: dict[str, PixelSetting]


class Manifest(TypedDict):
    """manifest.toml as it stands."""

    name: str
    handle: str
    api_version: str
    scopes: list[str]
    webhooks: WebhooksTable
    compliance: ComplianceTable
    app_proxy: ProxyTable
    popup: ExtensionTable
    pixel: PixelTable
    billing: NotRequired[JsonObject]  # an operator writes it, and `billing_plan` checks it


@lru_cache
def load_manifest() -> Manifest:
    """Read manifest.toml; in the checkout and in the wheel it lies beside our folders."""
    return cast("Manifest", tomllib.loads(PATH.read_text(encoding="utf-8")))


def topic_handlers() -> dict[str, str]:
    """Each webhook topic with the module that handles it."""
    return load_manifest()["webhooks"]["topics"] | compliance_topics()


def compliance_topics() -> dict[str, str]:
    """Return the mandatory privacy topics, with the module that handles each."""
    return load_manifest()["compliance"]["topics"]


def billing_plan() -> Billing | None:
    """The plan of `[billing]`; None without one.

    Raises:
        RegularsError: it is no plan that Shopify could offer.
    """
    billing = load_manifest().get("billing")
    if billing is None:
        return None
    try:
        plan = Billing(**{**billing, "price": Decimal(str(billing["price"]))})
        good = (
            bool(plan.name)
            and plan.price > 0
            and re.fullmatch("[A-Z]{3}", plan.currency) is not None
            and plan.interval in INTERVALS
            and plan.trial_days >= 0
        )
    except (ArithmeticError, KeyError, TypeError):
        good = False
    if not good:
        raise RegularsError(
            "[billing] in manifest.toml needs name, price, currency, and perhaps interval"
            " (EVERY_30_DAYS or ANNUAL), trial_days and test.",
            500,
        )
    return plan
