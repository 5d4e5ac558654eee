"""The web pixel in a real Worker, as the sandbox runs it, against a small copy of Shopify's API."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.extensions.storefront import EXTENSIONS

SOURCE = (EXTENSIONS / "pixel" / "src" / "index.js").read_text()
SANDBOX = """
const sent = [], kept = {}, heard = {};
let privacy;
self.fetch = async (url, options) => {
  sent.push({url, ...options});
  throw new Error('lost');
};
const start = (pixel) => pixel({
  analytics: {subscribe: (name, listen) => { heard[name] = listen; }},
  browser: {sessionStorage: {
    setItem: async (key, value) => { kept[key] = value; },
    removeItem: async (key) => { delete kept[key]; },
  }},
  init: {data: {cart: {id: 'gid://shopify/Cart/c-1?key=secret'}},
         customerPrivacy: ALLOWED},
  settings: {accountID: 'ondine.myshopify.com', endpoint: 'https://app.example/pixel'},
  customerPrivacy: {subscribe: (name, listen) => { privacy = listen; }},
});
OFFER
onmessage = async ({data}) => {
  for (const [what, detail] of data) {
    if (what === 'wait') await new Promise((done) => setTimeout(done, detail));
    else if (what === 'consent') privacy({customerPrivacy: detail});
    else heard[what]({id: 'e-1', name: what, ...detail?.own,
      timestamp: '2026-11-21T09:00:00.000Z', clientId: 'b-1',
      context: {document: {title: 'Balm', referrer: 'https://search.example/?q=ada@example.com',
        location: {href: 'https://ondine.example/products/balm?email=ada@example.com&utm_source=x'}}},
      data: detail});
  }
  postMessage({sent, kept, heard: Object.keys(heard)});
};
"""
REGISTER = "self.register = start;"
EXTEND = "self.shopify = {extend: (point, pixel) => point === 'WebPixel::Render' && start(pixel)};"
VARIANT = {
    "id": "41",
    "title": "50 ml",
    "price": {"amount": 24.5, "currencyCode": "EUR"},
    "sku": "BA-50",
    "image": {"src": "//cdn.shopify.com/s/balm.jpg"},
    "product": {
        "id": "7", "title": "Balm", "url": "/products/balm", "vendor": "Ondine", "type": "Balm",
    },
}  # fmt: skip
LINE = {"merchandise": VARIANT, "quantity": 2, "cost": {"totalAmount": {"amount": 49}}}


YES = {"analyticsProcessingAllowed": True, "marketingAllowed": True}
NO = {"analyticsProcessingAllowed": False, "marketingAllowed": False}
ONLY_ANALYTICS = YES | {"marketingAllowed": False}


def run(
    page: Page,
    steps: list[tuple[str, Any]],
    *,
    allowed: dict[str, bool] = YES,
    offer: str = REGISTER,
) -> dict[str, Any]:
    """What the pixel sent and kept after these events."""
    sandbox = SANDBOX.replace("ALLOWED", json.dumps(allowed)).replace("OFFER", offer)
    return page.evaluate(
        """([source, steps]) => new Promise((done, failed) => {
            const worker = new Worker(URL.createObjectURL(new Blob([source])));
            worker.onmessage = ({data}) => done(data);
            worker.onerror = ({message}) => failed(new Error(message));
            worker.postMessage(steps);
        })""",
        [sandbox + SOURCE, steps],
    )


def events(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for post in result["sent"] for event in json.loads(post["body"])["events"]]


@pytest.mark.parametrize("offer", [REGISTER, EXTEND])
def test_one_file_runs_in_either_sandbox(page, offer):
    result = run(
        page, [("product_viewed", {"productVariant": VARIANT}), ("wait", 1100)], offer=offer
    )

    [post] = result["sent"]
    assert (post["url"], post["method"]) == ("https://app.example/pixel", "POST")
    assert post["keepalive"] is True
    assert json.loads(post["body"])["shop"] == "ondine.myshopify.com"
    assert events(result) == [
        {
            "id": "e-1",
            "name": "product_viewed",
            "timestamp": "2026-11-21T09:00:00.000Z",
            "client_id": "b-1",
            "marketing": True,
            "url": "https://ondine.example/products/balm?utm_source=x",
            "referrer": "https://search.example/",
            "title": "Balm",
            "data": {
                "product_id": "7",
                "variant_id": "41",
                "title": "Balm",
                "variant_title": "50 ml",
                "sku": "BA-50",
                "vendor": "Ondine",
                "product_type": "Balm",
                "url": "/products/balm",
                "image": "//cdn.shopify.com/s/balm.jpg",
                "price": 24.5,
                "currency": "EUR",
                "quantity": 1,
            },
        }
    ]
    assert result["kept"] == {"regulars:browser": "b-1"}
    assert len(result["heard"]) == 14


def test_ten_events_or_one_second_make_a_batch(page):
    result = run(page, [("page_viewed", {})] * 12 + [("wait", 1100)])

    assert [len(json.loads(post["body"])["events"]) for post in result["sent"]] == [10, 2]


def test_what_comes_before_leaving_the_page_is_sent_at_once(page):
    result = run(page, [("page_viewed", {}), ("product_added_to_cart", {"cartLine": LINE})])

    added = events(result)[1]["data"]
    assert (added["cart_token"], added["quantity"], added["total"]) == ("c-1", 2, 49)


def test_a_cart_is_sent_with_its_total_and_at_most_fifty_lines(page):
    cart = {
        "id": "gid://shopify/Cart/c-1?key=secret",
        "cost": {"totalAmount": {"amount": 1470, "currencyCode": "EUR"}},
        "totalQuantity": 120,
        "lines": [LINE] * 60,
    }
    result = run(page, [("cart_viewed", {"cart": cart}), ("wait", 1100)])

    viewed = events(result)[0]["data"]
    assert (viewed["total"], viewed["currency"], viewed["item_count"]) == (1470, "EUR", 120)
    assert len(viewed["items"]) == 50


def test_the_pixel_sends_no_name_or_address(page):
    checkout = {
        "token": "t-1",
        "email": "ada@example.com",
        "phone": "+447700900123",
        "shippingAddress": {"firstName": "Ada"},
        "order": {"id": "gid://shopify/Order/9", "customer": {"id": "5"}},
        "totalPrice": {"amount": 49},
        "currencyCode": "EUR",
        "lineItems": [{"variant": VARIANT, "quantity": 2, "title": "Balm"}],
    }
    result = run(page, [("checkout_completed", {"checkout": checkout})])

    said = json.dumps(result["sent"])
    assert not any(secret in said for secret in ("ada@", "Ada", "4477", "secret"))
    data = events(result)[0]["data"]
    assert (data["checkout_token"], data["order_id"], data["total"]) == ("t-1", "9", 49)


def test_an_event_with_nothing_in_it_breaks_nothing(page):
    heard = [name for name in run(page, [])["heard"] if name != "all_custom_events"]
    result = run(page, [*((name, {}) for name in heard), ("wait", 1100)])

    assert [event["name"] for event in events(result)] == heard


def test_only_events_published_for_regulars_are_sent_and_at_once(page):
    published = [
        {"name": "regulars:Finished Quiz", "customData": {"result": "dry"}},
        {"name": "other_app:checkout", "customData": {"email": "ada@example.com"}},
        {"name": "regulars:Too much", "customData": {"text": "x" * 30_001}},
        {"name": "regulars:Bare"},
    ]
    result = run(page, [("all_custom_events", {"own": each}) for each in published])

    said = [(event["name"], event["metric"], event["data"]) for event in events(result)]
    assert said == [("custom", "Finished Quiz", {"result": "dry"}), ("custom", "Bare", {})]
