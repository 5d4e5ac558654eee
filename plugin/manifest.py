"""The app's manifest: name, scopes, topics and who handles each, read from manifest.toml."""

import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from plugin.errors import RegularsError

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


@lru_cache
def load_manifest() -> dict[str, Any]:
    """manifest.toml as it stands; in the checkout and in the wheel it lies beside our folders."""
    return tomllib.loads(PATH.read_text(encoding="utf-8"))


def topic_handlers() -> dict[str, str]:
    """Each webhook topic with the module that handles it."""
    handlers: dict[str, str] = load_manifest()["webhooks"]["topics"]
    return handlers | compliance_topics()


def compliance_topics() -> dict[str, str]:
    """Return the mandatory privacy topics, with the module that handles each."""
    handlers: dict[str, str] = load_manifest()["compliance"]["topics"]
    return handlers


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
