"""Billing: return the URL where a shop's merchant approves the app plan, or None.

Without `[billing]` in manifest.toml, which is the default for one's own hosting, there is no plan.
Only Shopify knows whether a plan is paid for; a webhook only says that it changed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from plugin import clock
from plugin.jobs import Progress, SliceJob
from plugin.manifest import Billing, billing_plan, load_manifest
from plugin.settings import get_settings
from plugin.shopify.api.client import ShopifyError, query
from storage import app_plans
from storage.app_plans import AppPlan
from storage.engine import db, locks
from storage.shops import Shop

CHECK_INTERVAL = timedelta(days=1)  # should the webhook be lost
PAID_LATELY = timedelta(days=7)  # who was found to have paid waits for no answer of Shopify's
OFFER_VALID_FOR = timedelta(
    days=1
)  # Shopify lets an offer end after two days: AppSubscriptionStatus

log = structlog.get_logger()


def approval_url(shop: Shop) -> str | None:
    """Where the merchant approves the plan; None when there is nothing to approve.

    Raises:
        ShopifyError: Shopify did not say how it stands, and never said that it is paid.
    """
    plan = billing_plan()
    if plan is None or _is_paid(shop.id, clock.now()):
        return None
    with locks.exclusive(f"billing-{shop.id}"):  # two visits at once are one offer
        now = clock.now()
        if _is_paid(shop.id, now):
            return None
        with db.reading() as session:
            held = app_plans.get_app_plan(session, shop.id)
        try:
            active = _is_active(shop.id)
        except ShopifyError as error:
            if held is None or not held.active or held.checked_at is not None:
                raise  # it is not known, or was known too long ago
            log.warning("billing.unchecked", shop=shop.id, status=error.status)
            return None
        if active:
            _keep(AppPlan(shop_id=shop.id, active=True, checked_at=now))
            return None
        if held and held.offered_at and now - held.offered_at < OFFER_VALID_FOR:
            return held.confirmation_url
        url = _offer(shop, plan)
        _keep(AppPlan(shop_id=shop.id, confirmation_url=url, offered_at=now))
        return url


def _is_paid(shop_id: int, now: datetime) -> bool:
    with db.reading() as session:
        held = app_plans.get_app_plan(session, shop_id)
    if held is None or not held.active or held.checked_at is None:
        return False
    return now - held.checked_at < PAID_LATELY


def check_plan(shop_id: int) -> Progress:
    """Ask Shopify whether a plan that was paid still is."""
    try:
        active = _is_active(shop_id)
    except ShopifyError as error:  # the clock looks again
        log.warning("billing.unchecked", shop=shop_id, status=error.status)
        return Progress.DONE
    _keep(AppPlan(shop_id=shop_id, active=active, checked_at=clock.now()))
    return Progress.DONE


def find_due_shops(session: Session, now: datetime) -> Sequence[int]:
    """Shops with a plan that is to be checked."""
    if billing_plan() is None:
        return []
    return app_plans.unchecked(session, now - CHECK_INTERVAL)


SLICE_JOB = SliceJob(
    "plans", check_plan, find_due_shops, interval=timedelta(minutes=10), enqueues_rest=False
)


def _keep(plan: AppPlan) -> None:
    with db.transaction() as session:
        app_plans.save_app_plan(session, plan)


def _is_active(shop_id: int) -> bool:
    found = query(shop_id, "app_subscriptions", {})["currentAppInstallation"]
    return any(each["status"] == "ACTIVE" for each in found["activeSubscriptions"])


def _offer(shop: Shop, plan: Billing) -> str:
    pricing = {
        "price": {"amount": str(plan.price), "currencyCode": plan.currency},
        "interval": plan.interval,
    }
    variables = {
        "name": plan.name,
        "returnUrl": _home(shop),
        "lineItems": [{"plan": {"appRecurringPricingDetails": pricing}}],
        "test": plan.test,
        "trialDays": plan.trial_days,
    }
    made = query(shop.id, "app_subscription_create", variables)["appSubscriptionCreate"]
    return str(made["confirmationUrl"])


def _home(shop: Shop) -> str:
    """Our first page inside the shop's admin."""
    origin = get_settings().shopify_origin.rstrip("/") or f"https://{shop.domain}"
    return f"{origin}/admin/apps/{load_manifest()['handle']}"
