"""L23: without consent nothing is kept and nobody is recognised. L27: Global Privacy Control."""

import pytest
from playwright.sync_api import Page, expect

from tests.extensions.storefront import Shop
from tests.extensions.test_popup import opened, to_step_two

DENIED = (
    "{customerPrivacy: {marketingAllowed: () => false, analyticsProcessingAllowed: () => false}}"
)
ONLY_ANALYTICS = DENIED.replace(
    "analyticsProcessingAllowed: () => false", "analyticsProcessingAllowed: () => true"
)
NOT_LOADED = "{customerPrivacy: {}, loadFeatures: (list, done) => done(new Error('blocked'))}"
LOADS = """{loadFeatures: (list, done) => setTimeout(() => {
    const yes = () => true;
    Shopify.customerPrivacy = {marketingAllowed: yes, analyticsProcessingAllowed: yes};
    done();
}, 50)}"""


def known(page: Page, shop: Shop) -> None:
    page.context.add_cookies(
        [
            {"name": "_shopify_y", "value": "b-1", "url": shop.url},
            {"name": "cart", "value": "c-1", "url": shop.url},
        ]
    )


def sign_up(page: Page) -> None:
    to_step_two(page)
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_role("button", name="Send my routine").click()
    expect(page.get_by_role("heading", name="It is on its way")).to_be_visible()


def kept(page: Page) -> list[str]:
    return page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]")


@pytest.mark.parametrize("shopify", [DENIED, ONLY_ANALYTICS, NOT_LOADED])
def test_denied_means_no_storage_no_id_and_no_view(page, shop, shopify):
    shop.shopify = shopify
    known(page, shop)
    opened(page, shop)
    sign_up(page)
    page.keyboard.press("Escape")
    expect(page.locator("regulars-form")).to_have_count(0)

    [sent] = shop.posted("submit")
    assert (sent["browser_id"], sent["cart_token"]) == (None, None)
    assert shop.posted("view") == []
    assert kept(page) == []
    assert {cookie["name"] for cookie in page.context.cookies()} == {"_shopify_y", "cart"}


def test_consent_given_later_counts_at_once(page, shop):
    shop.shopify = DENIED
    known(page, shop)
    opened(page, shop)
    page.keyboard.press("Escape")
    expect(page.locator("regulars-form")).to_have_count(0)
    assert kept(page) == []

    page.evaluate("""() => {
        Shopify.customerPrivacy.marketingAllowed = () => true;
        Shopify.customerPrivacy.analyticsProcessingAllowed = () => true;
        document.dispatchEvent(new CustomEvent('visitorConsentCollected', {detail: {}}));
        regulars.openForm('123');
    }""")

    assert kept(page) == ["regulars:123"]
    sign_up(page)
    assert shop.posted("submit")[0]["browser_id"] == "b-1"


def test_consent_taken_back_clears_what_was_kept(page, shop):
    opened(page, shop)
    page.keyboard.press("Escape")
    expect(page.locator("regulars-form")).to_have_count(0)
    assert kept(page) == ["regulars:123"]

    page.evaluate(
        f"window.Shopify = {DENIED};"
        "document.dispatchEvent(new CustomEvent('visitorConsentCollected'))"
    )

    assert kept(page) == []


def test_the_privacy_api_is_loaded_and_asked_when_the_shop_has_it(page, shop):
    shop.shopify = LOADS
    known(page, shop)
    opened(page, shop)
    sign_up(page)

    assert shop.posted("submit")[0]["browser_id"] == "b-1"


def test_global_privacy_control_keeps_the_browser_unknown(page, shop):
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    known(page, shop)
    opened(page, shop)
    sign_up(page)

    assert shop.posted("submit")[0]["browser_id"] is None
    assert shop.posted("view") == [{"version": 1, "browser_id": None}]


def test_the_id_that_the_pixel_left_is_preferred(page, shop):
    page.add_init_script("sessionStorage['regulars:browser'] = 'b-2'")
    known(page, shop)
    opened(page, shop)
    sign_up(page)

    assert shop.posted("submit")[0]["browser_id"] == "b-2"
