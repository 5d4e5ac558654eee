"""Billing: nothing without a plan; with one, an offer made once, heeded when it is approved."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from starlette.responses import Response

from devstore.admin import billing as devstore_billing
from plugin import clock, manifest
from plugin.errors import RegularsError
from plugin.ingest.record import record_facts
from plugin.shopify.install import billing
from plugin.shopify.install.billing import approval_url
from plugin.shopify.install.installation import install
from plugin.shopify.normalise import app
from storage import app_plans
from storage.app_plans import AppPlan
from storage.engine import db
from storage.shops import Shop
from tests.plugin.shopify.box import Shopify, the_shop

DOMAIN = "dewpoint.myshopify.com"
AT_ONCE = {"Retry-After": "0"}  # it is tried again without a wait
PLAN = {"name": "Regulars", "price": "29.00", "currency": "USD", "trial_days": 14, "test": True}


def offer(monkeypatch: pytest.MonkeyPatch, **said: object) -> None:
    whole = {**manifest.load_manifest(), "billing": said}
    monkeypatch.setattr(manifest, "load_manifest", lambda: whole)


@pytest.fixture
def shop(database: str, broker: object, shopify: Shopify) -> Shop:
    return the_shop(install(DOMAIN, shopify.id_token()))


def hear(shop: Shop, shopify: Shopify) -> None:
    """Take in what Shopify says of plans."""
    for delivery in shopify.store.outbox("app_subscriptions/update"):
        with db.transaction() as session:
            record_facts(
                session, shop, app.plan(delivery.topic, delivery.payload, "USD"), clock.now()
            )


def test_without_a_plan_nothing_is_asked(shop: Shop, shopify: Shopify) -> None:
    shopify.seen.clear()

    assert approval_url(shop) is None
    assert shopify.seen == []
    with db.reading() as session:
        assert app_plans.get_app_plan(session, shop.id) is None


def test_a_plan_is_offered_once_and_lets_in_when_it_is_approved(
    shop: Shop, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, **PLAN)
    with ThreadPoolExecutor(4) as pool:
        (url,) = set(pool.map(lambda _: approval_url(shop), range(4)))

    (made,) = devstore_billing.plans(shopify.store)
    assert url == f"{shopify.store.storefront_url}/admin/charges/{made['id']}/confirm"
    assert (made["price"], made["interval"]) == ("29.00", "EVERY_30_DAYS")
    assert (made["trial_days"], made["test"]) == (14, True)
    assert made["return_url"].endswith("/admin/apps/regulars")

    devstore_billing.decide(shopify.store, made["id"], approved=True)
    assert approval_url(shop) is None
    shopify.seen.clear()
    assert approval_url(shop) is None
    assert shopify.seen == []  # we remember, for a day


def test_a_plan_that_was_declined_is_offered_anew(
    shop: Shop, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, **PLAN)
    first = approval_url(shop)
    devstore_billing.decide(
        shopify.store, devstore_billing.plans(shopify.store)[0]["id"], approved=False
    )
    hear(shop, shopify)

    second = approval_url(shop)

    assert second not in (None, first)


def test_a_plan_that_ends_shuts_the_door_again(
    shop: Shop, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, **PLAN)
    approval_url(shop)
    devstore_billing.decide(
        shopify.store, devstore_billing.plans(shopify.store)[0]["id"], approved=True
    )
    assert approval_url(shop) is None

    devstore_billing.end(shopify.store)
    hear(shop, shopify)

    assert approval_url(shop) is not None


def test_should_the_news_be_lost_it_is_noticed_within_a_day(
    shop: Shop, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, **PLAN)
    approval_url(shop)
    devstore_billing.decide(
        shopify.store, devstore_billing.plans(shopify.store)[0]["id"], approved=True
    )
    assert approval_url(shop) is None
    devstore_billing.end(shopify.store)
    assert approval_url(shop) is None

    last_checked(shop, billing.CHECK_INTERVAL + timedelta(seconds=1))

    assert approval_url(shop) is None  # no visit waits for the answer
    check_in_background()
    assert approval_url(shop) is not None


@pytest.mark.parametrize("status", [429, 500, 503])
def test_who_has_paid_stays_in_while_shopify_does_not_answer(
    shop: Shop, shopify: Shopify, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    offer(monkeypatch, **PLAN)
    last_checked(shop, timedelta(hours=25))
    shopify.seen.clear()
    shopify.trouble = [Response(status_code=status, headers=AT_ONCE) for _ in range(20)]

    assert approval_url(shop) is None
    assert shopify.seen == []
    check_in_background()
    assert shopify.seen
    assert approval_url(shop) is None

    with db.transaction() as session:
        app_plans.mark_unchecked(session, shop.id)  # a webhook says that something changed
    assert approval_url(shop) is None

    last_checked(shop, billing.PAID_LATELY + timedelta(hours=1))
    with pytest.raises(RegularsError):
        approval_url(shop)
    shopify.trouble = []
    assert approval_url(shop) is not None


def test_who_never_paid_is_not_let_in_while_shopify_does_not_answer(
    shop: Shop, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, **PLAN)
    shopify.trouble = [Response(status_code=503, headers=AT_ONCE) for _ in range(20)]

    with pytest.raises(RegularsError):
        approval_url(shop)


def last_checked(shop: Shop, ago: timedelta) -> None:
    with db.transaction() as session:
        plan = AppPlan(shop_id=shop.id, active=True, checked_at=clock.now() - ago)
        app_plans.save_app_plan(session, plan)


def check_in_background() -> None:
    with db.reading() as session:
        due = billing.find_due_shops(session, clock.now())
    assert due
    for shop_id in due:
        billing.check_plan(shop_id)


@pytest.mark.parametrize(
    "wrong",
    [
        {"price": "0"},
        {"price": "much"},
        {"currency": "dollars"},
        {"interval": "WEEKLY"},
        {"trial_days": -1},
        {"name": ""},
        {"colour": "red"},
    ],
)
def test_a_plan_that_shopify_could_not_offer_is_refused(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object]
) -> None:
    offer(monkeypatch, **{**PLAN, **wrong})

    with pytest.raises(RegularsError, match="needs name, price, currency"):
        manifest.billing_plan()
