"""The page on which a merchant approves what the app costs."""

import pytest

from devstore.admin import billing

PRICE = {"amount": "29.00", "currencyCode": "USD"}


@pytest.fixture
def plan(store):
    lines = [{"plan": {"appRecurringPricingDetails": {"price": PRICE, "interval": "ANNUAL"}}}]
    billing.create(store, "Regulars", lines, "http://app.test/back", trialDays=7)
    return billing.plans(store)[0]


@pytest.mark.parametrize(
    ("answer", "status", "goes_to"),
    [("1", "ACTIVE", "http://app.test/back"), ("0", "DECLINED", "/admin")],
)
def test_the_merchant_approves_or_declines_and_the_app_is_told(
    shop, store, plan, answer, status, goes_to
):
    path = f"/admin/charges/{plan['id']}/confirm"
    page = shop.get(path).text
    assert "29.00 USD a year" in page
    assert "after 7 free days" in page

    done = shop.post(path, data={"approve": answer}, follow_redirects=False)

    assert (done.status_code, done.headers["location"]) == (303, goes_to)
    (told,) = store.deliveries("app_subscriptions/update")
    assert told.payload["app_subscription"]["status"] == status
    assert len(billing.active(store)) == (status == "ACTIVE")
    assert shop.post(path, data={"approve": "1"}).status_code == 404


def test_an_uninstall_ends_the_plan(store, plan):
    billing.decide(store, plan["id"], approved=True)
    store.uninstall()

    assert billing.active(store) == []
