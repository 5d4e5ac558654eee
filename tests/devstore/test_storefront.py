"""The shop's pages, walked through by a shopper without a browser."""

import asyncio
import base64
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from devstore.admin.oauth import query_hmac
from devstore.people.shopper import Shopper
from devstore.serve import build
from devstore.shop import catalog
from tests.admin_ui.browser import chromium

STATIC = Path(catalog.__file__).parents[1] / "static"


@pytest.fixture
def extensions(tmp_path):
    """A theme extension and a pixel, as small as they can be."""
    (tmp_path / "popup" / "blocks").mkdir(parents=True)
    (tmp_path / "popup" / "assets").mkdir()
    (tmp_path / "popup" / "locales").mkdir()
    (tmp_path / "pixel" / "src").mkdir(parents=True)
    (tmp_path / "pixel" / "src" / "index.js").write_text("register(() => {})")
    (tmp_path / "popup" / "assets" / "popup.js").write_text("1")
    (tmp_path / "popup" / "locales" / "en.default.json").write_text('{"a": {"b": "Close"}}')
    (tmp_path / "popup" / "blocks" / "embed.liquid").write_text(
        '<script type="application/json" id="regulars-forms">'
        "{{ app.metafields.regulars.forms.value | json }}</script>"
        "<i data-shop='{{ shop.permanent_domain }}' data-page='{{ request.page_type }}'"
        " data-side='{{ block.settings.side }}' data-lang='{{ request.locale.iso_code }}'"
        " data-src='{{ 'popup.js' | asset_url }}' data-word='{{ 'a.b' | t }}'></i>"
        '{% schema %}{"settings": [{"id": "side", "type": "text", "default": "left"}]}'
        "{% endschema %}"
    )
    return tmp_path


def walk(store, steps, extensions=None):
    """Let a shopper do something in the box."""

    async def go():
        box = build(store, extensions, deliver=False)
        async with Shopper("http://127.0.0.1:8001", transport=httpx2.ASGITransport(app=box)) as s:
            return await steps(s)

    return asyncio.run(go())


def test_a_shopper_walks_from_the_door_to_an_order(store):
    store.create_discount("TEN", percentage=0.1)

    async def steps(shopper):
        await shopper.visit("/?utm_source=mail")
        cart = await shopper.add_to_cart("cloud-cream", size=1)
        await shopper.start_checkout("mia@example.com", accepts_marketing=True)
        assert await shopper.apply_code("NOPE") == "Enter a valid discount code or gift card."
        assert await shopper.apply_code("TEN") is None
        browser = shopper.browser_id
        return cart, browser, await shopper.pay()

    cart, browser, token = walk(store, steps)
    order = store.order(token)
    said = store.deliveries("orders/create")[0].payload
    assert (said["cart_token"], order["client_id"]) == (cart, browser)
    assert said["landing_site"] == "/?utm_source=mail"
    assert said["total_price"] == "38.35"
    assert said["client_details"]["user_agent"].startswith("Mozilla")
    assert store.customer("mia@example.com")["email_consent"]["state"] == "subscribed"


def test_the_link_in_a_mail_brings_cart_and_code_back(store):
    store.create_discount("BACK", percentage=0.2)

    async def leave(shopper):
        await shopper.add_to_cart("cloud-cream")
        await shopper.start_checkout("mia@example.com")

    async def come_back(shopper):
        url = store.deliveries("checkouts/create")[0].payload["abandoned_checkout_url"]
        await shopper.visit(f"{url}&discount=BACK")
        return shopper.cart_token, await shopper.pay()

    walk(store, leave)
    cart, token = walk(store, come_back)
    assert store.order(token)["cart_token"] == cart
    assert store.order(token)["code"] == "BACK"


def test_a_wrong_key_opens_no_checkout(store, shop):
    cart = store.add_to_cart(None, store.products()[0]["variants"][0]["id"])
    store.start_checkout(cart["token"], "mia@example.com")

    assert shop.get(f"/checkouts/ac/{cart['token']}/recover?key=wrong").status_code == 404


def test_a_code_in_a_link_is_applied_at_the_checkout(store):
    store.create_discount("LINK", percentage=0.5)

    async def steps(shopper):
        await shopper.visit("/discount/LINK?redirect=/products/cloud-cream")
        assert shopper.page.endswith("/products/cloud-cream")
        await shopper.add_to_cart("cloud-cream")
        await shopper.start_checkout("mia@example.com")
        return await shopper.pay()

    assert store.order(walk(store, steps))["code"] == "LINK"


@pytest.mark.parametrize("where", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_a_discount_link_leads_nowhere_else(shop, where):
    said = shop.get("/discount/X", params={"redirect": where}, follow_redirects=False)

    assert said.headers["location"] == "/"


def test_every_page_ends_with_the_embed_until_it_is_switched_off(store, extensions):
    forms = {"forms": [{"id": "f1", "title": "</script>"}]}
    store.set_metafield(
        store.installation_gid, "regulars", "forms", type="json", value=json.dumps(forms)
    )

    async def steps(shopper):
        await shopper.visit("/collections/hydration")
        return shopper.html, shopper.forms()

    html, found = walk(store, steps, extensions)
    assert found == forms["forms"]
    for part in ("dewpoint.myshopify.com", "collection", "left", "en", "Close"):
        assert f"='{part}'" in html
    assert "data-src='/cdn/extensions/popup/assets/popup.js'" in html
    assert "schema" not in html
    store.switch_embed(False)
    assert "regulars-forms" not in walk(store, steps, extensions)[0]


def test_the_pixel_starts_once_the_app_made_it(store, extensions):
    async def steps(shopper):
        await shopper.visit("/")
        await shopper.add_to_cart("cloud-cream")
        return shopper.html

    assert "pixel-start" not in walk(store, steps, extensions)
    store.set_pixel({"accountID": "x"})
    html = walk(store, steps, extensions)
    start = json.loads(html.split('id="pixel-start">')[1].split("</script>")[0])
    assert [each["name"] for each in start["events"]] == [
        "page_viewed",
        "product_added_to_cart",
        "cart_viewed",
    ]
    line = start["events"][1]["data"]["cartLine"]
    assert line["merchandise"]["product"]["title"] == "Cloud Cream"
    assert line["cost"]["totalAmount"] == {"amount": 24.0, "currencyCode": "USD"}


def test_what_the_pixel_tells_is_dated_by_the_shops_clock(store, extensions, clock):
    async def look(shopper):
        await shopper.visit("/")
        return shopper.html

    def ahead_s():
        html = walk(store, look, extensions)
        return json.loads(html.split('id="pixel-start">')[1].split("</script>")[0])["ahead"] / 1000

    store.set_pixel({"accountID": "x"})
    before = ahead_s()
    clock.skip(days=1)

    assert ahead_s() - before == pytest.approx(86_400, abs=60)
    assert "Date.now() + start.ahead" in (STATIC / "pixel.js").read_text()


def test_the_admin_fits_a_phone(shop):
    page = shop.get("/admin").text
    sheet = (STATIC / "admin.css").read_text()
    with chromium() as browser:
        phone = browser.new_page(viewport={"width": 390, "height": 844})
        phone.route("**/*", lambda route: route.abort())
        phone.set_content(f"{page}<style>{sheet}</style>")
        width = phone.evaluate("document.documentElement.scrollWidth")

    assert width <= 390


def test_no_file_beside_the_extensions_assets_is_served(store, extensions):
    async def steps(shopper):
        with pytest.raises(httpx2.HTTPStatusError):
            await shopper.visit("/cdn/extensions/..%2F..%2Fetc/assets/passwd")
        return await shopper.visit("/cdn/extensions/popup/assets/popup.js")

    assert walk(store, steps, extensions) == "1"


def test_every_need_has_a_shelf_with_six_products(store):
    for need in catalog.NEEDS:
        assert len(store.products_in(need)) >= 6


@pytest.mark.parametrize(
    "path",
    ["/", "/collections/all", "/products/cloud-cream", "/search?q=night", "/cart", "/admin"]
    + [f"/admin/{each}" for each in ("orders", "products", "customers", "discounts", "webhooks")],
)
def test_pages_are_there_and_ask_nothing_of_other_hosts(shop, bought, store, path):
    store.create_discount("X", percentage=0.1)
    bought()
    said = shop.get(path)

    assert said.status_code == 200
    assert "https://" not in said.text
    assert 'src="http' not in said.text


def test_pictures_are_drawn(shop, store):
    for each in store.products():
        said = shop.get(f"/cdn/images/{each['handle']}.svg")
        assert said.headers["content-type"].startswith("image/svg+xml")
        assert "DEWPOINT" in said.text


def test_the_frame_opens_the_app_signed_and_with_a_token(shop, app):
    page = shop.get("/admin/apps/regulars/flows?locale=zh-CN").text
    source = page.split('id="app"')[1].split('src="')[1].split('"')[0].replace("&amp;", "&")
    url = urlsplit(source)
    query = {key: values[0] for key, values in parse_qs(url.query).items()}

    assert (url.netloc, url.path) == ("app.test", "/flows")
    assert query["hmac"] == query_hmac(query, app.client_secret)
    assert (query["locale"], query["embedded"]) == ("zh-CN", "1")
    assert base64.b64decode(query["host"] + "==") == b"127.0.0.1:8001/admin"
    assert query["id_token"].count(".") == 2


def test_an_app_is_installed_by_a_click_and_told_when_it_goes(shop, store):
    store.uninstall()
    assert store.deliveries("app/uninstalled")[0].payload["myshopify_domain"] == store.domain
    assert "Install Regulars" in shop.get("/admin/apps/regulars").text

    shop.post("/admin/apps/regulars/install")
    assert store.installed
    assert "<iframe" in shop.get("/admin/apps/regulars").text
