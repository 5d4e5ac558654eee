"""L23: what Shopify's Customer Privacy API forbids is neither kept nor sent, by popup and pixel."""

import pytest
from playwright.sync_api import Page, expect

from tests.extensions import conftest
from tests.extensions.storefront import Shop
from tests.extensions.test_pixel import NO, YES, events, run
from tests.extensions.test_pixel import ONLY_ANALYTICS as COUNT_ME
from tests.extensions.test_popup import opened, to_step_two

chromium, page, shop = conftest.chromium, conftest.page, conftest.shop

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
def test_l23_denied_means_no_storage_no_id_and_no_view(page, shop, shopify):
    shop.shopify, shop.customer = shopify, "1"
    known(page, shop)
    opened(page, shop)
    sign_up(page)
    page.keyboard.press("Escape")
    expect(page.locator("regulars-form")).to_have_count(0)

    [sent] = shop.posted("submit")
    assert (sent["browser_id"], sent["cart_token"]) == (None, None)
    assert shop.posted("view") == shop.posted("identify") == []
    assert kept(page) == []
    assert {cookie["name"] for cookie in page.context.cookies()} == {"_shopify_y", "cart"}


def test_l23_consent_given_later_counts_at_once(page, shop):
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


def test_l23_consent_taken_back_clears_what_was_kept(page, shop):
    opened(page, shop)
    page.keyboard.press("Escape")
    expect(page.locator("regulars-form")).to_have_count(0)
    assert kept(page) == ["regulars:123"]

    page.evaluate(
        f"window.Shopify = {DENIED};"
        "document.dispatchEvent(new CustomEvent('visitorConsentCollected'))"
    )

    assert kept(page) == []


def test_l23_the_privacy_api_is_loaded_and_asked_when_the_shop_has_it(page, shop):
    shop.shopify = LOADS
    known(page, shop)
    opened(page, shop)
    sign_up(page)

    assert shop.posted("submit")[0]["browser_id"] == "b-1"


def test_l23_the_id_that_the_pixel_left_is_preferred(page, shop):
    page.add_init_script("sessionStorage['regulars:browser'] = 'b-2'")
    known(page, shop)
    opened(page, shop)
    sign_up(page)

    assert shop.posted("submit")[0]["browser_id"] == "b-2"


def test_l23_a_pixel_without_consent_sends_and_keeps_nothing(page):
    result = run(page, [("page_viewed", {}), ("wait", 1100)], allowed=NO)

    assert (result["sent"], result["kept"]) == ([], {})


def test_l23_a_pixels_consent_counts_from_the_moment_of_its_change(page):
    given = [("page_viewed", {}), ("consent", YES), ("search_submitted", {})]
    taken = [("page_viewed", {}), ("consent", NO), ("wait", 1100)]

    assert [event["name"] for event in events(run(page, given, allowed=NO))] == ["search_submitted"]
    assert (run(page, taken)["sent"], run(page, taken)["kept"]) == ([], {})


def test_l23_analytics_only_is_counted_and_leaves_no_id_for_the_popup(page):
    result = run(page, [("page_viewed", {}), ("wait", 1100)], allowed=COUNT_ME)

    assert [event["marketing"] for event in events(result)] == [False]
    assert result["kept"] == {}


def test_l23_a_pixel_forgets_its_id_when_marketing_is_refused(page):
    steps = [("page_viewed", {}), ("consent", COUNT_ME), ("search_submitted", {})]
    result = run(page, steps)

    assert [event["marketing"] for event in events(result)] == [True, False]
    assert result["kept"] == {}
