"""A visit, end to end: a real browser walks through the sample store, and its pixel reports it."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page
from starlette.applications import Starlette

from devstore.serve import build
from devstore.shop.store import Store
from storage import events, profiles
from storage import visits as stored_visits
from storage.engine import db
from storage.events import Event
from storage.shops import Shop
from storage.visits import Visit
from tests.admin_ui.browser import serve
from tests.extensions import conftest
from tests.extensions.storefront import EXTENSIONS
from tests.faults.town import eventually
from webhooks.app import routes

chromium, page = conftest.chromium, conftest.page
CHOOSE = "Shopify.loadFeatures([], () => Shopify.customerPrivacy.setTrackingConsent(%s))"
ALL = "{analytics: true, marketing: true}"


@dataclass
class Storefront:
    """The sample store's address, and what its pixel brought to our shop."""

    url: str
    shop: Shop

    def browser(self, page: Page) -> str:
        """The id that Shopify gave the browser."""
        cookies = page.context.cookies(self.url)
        return next(cookie["value"] for cookie in cookies if cookie["name"] == "_shopify_y")

    def visits(self, page: Page) -> Sequence[Visit]:
        """What is kept of this browser's visits."""
        key = ("browser_id", self.browser(page))
        with db.reading() as session:
            known = profiles.find_identities(session, self.shop.id, [key])
            return stored_visits.visits_page(session, self.shop.id, known.get(key, 0), 10)

    def events(self) -> Sequence[Event]:
        """Everything that is kept of anybody, the last first."""
        with db.reading() as session:
            return events.latest_events(session, self.shop.id, 100)


@pytest.fixture
def storefront(sqlite: str, shop: Shop) -> Generator[Storefront]:
    """The sample store with our extensions, and the app that its pixel speaks to."""
    store = Store()
    with serve(Starlette(routes=routes())) as app:
        store.install()
        store.set_pixel({"accountID": shop.domain, "endpoint": f"{app}/pixel"})
        with serve(build(store, EXTENSIONS, deliver=False)) as url:
            yield Storefront(url, shop)
    store.close()


def seen(storefront: Storefront, count: int) -> Callable[[], bool]:
    return lambda: len(storefront.events()) >= count


def test_a_visit_is_kept_with_its_pages_and_where_it_came_from(
    page: Page, storefront: Storefront
) -> None:
    page.goto(f"{storefront.url}/?utm_source=instagram&utm_campaign=autumn&email=a@b.example")
    eventually("the first page is told", seen(storefront, 1), within_s=10)
    page.goto(f"{storefront.url}/products/cloud-cream")
    eventually("the product is told", seen(storefront, 3), within_s=10)
    page.get_by_role("button", name="Add to cart").click()
    page.wait_for_url("**/cart")
    eventually("the cart is told", seen(storefront, 5), within_s=10)

    (visit,) = storefront.visits(page)
    assert visit.pages == 3
    assert (visit.utm_source, visit.utm_campaign, visit.device) == (
        "instagram", "autumn", "computer",
    )  # fmt: skip
    assert visit.entry_url == f"{storefront.url}/?utm_source=instagram&utm_campaign=autumn"
    assert {event.metric for event in storefront.events()} == {
        "Active on Site", "Viewed Product", "Viewed Cart",
    }  # fmt: skip
    told = {event.metric: event for event in storefront.events()}
    viewed, cart_viewed = told["Viewed Product"], told["Viewed Cart"]
    assert (viewed.properties["vendor"], viewed.properties["categories"]) == (
        "Dewpoint", ["Moisturizer"],
    )  # fmt: skip
    assert viewed.properties["image"].endswith("/cdn/images/cloud-cream.svg")
    assert (cart_viewed.value, cart_viewed.currency) == (2400, "USD")
    assert cart_viewed.properties["item_count"] == 1
    assert cart_viewed.properties["lines"][0]["title"] == "Cloud Cream"
    cart = next(c["value"] for c in page.context.cookies() if c["name"] == "cart")
    with db.reading() as session:
        key = ("cart_token", cart.partition("?")[0])
        found = profiles.find_identities(session, storefront.shop.id, [key])
    assert found[key] == visit.profile_id


def test_l23_a_visit_is_sent_from_consent_on_without_a_page_reload(
    page: Page, storefront: Storefront
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    value = '{"analytics":false,"marketing":false}'
    page.context.add_cookies([{"name": "_tracking_consent", "value": value, "url": storefront.url}])
    page.goto(f"{storefront.url}/products/cloud-cream")
    page.wait_for_timeout(1_500)  # longer than the pixel waits before it sends

    assert [url for url in asked if url.endswith("/pixel")] == []
    ours = "[...Object.keys(localStorage), ...Object.keys(sessionStorage)]"
    assert page.evaluate(ours) == []
    assert not [c for c in page.context.cookies() if "regulars" in c["name"]]
    assert storefront.events() == []

    page.evaluate(CHOOSE % ALL)
    page.evaluate("Shopify.analytics.publish('regulars:Finished Quiz', {result: 'dry'})")
    eventually("the next act is told", seen(storefront, 1), within_s=10)
    (event,) = storefront.events()
    assert (event.metric, event.properties["result"]) == ("Finished Quiz", "dry")
    assert len(storefront.visits(page)) == 1
