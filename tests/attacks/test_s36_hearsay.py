"""S36: what a stranger's browser tells of an address that they typed begins no mail to it, until
the address itself or Shopify has answered for that browser; and no mail prints a browser's words of
products, or leads to another site.
"""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from plugin.flows import library as flow_library
from plugin.ingest import pixel
from plugin.ingest.digest import apply_facts
from plugin.messages import links
from plugin.messages.links import Target
from plugin.shopify.normalise import checkouts, customers, products
from plugin.templates.compile import publish_template
from plugin.templates.product_details import without_links
from plugin.templates.product_feeds import Catalog, lines_of_catalog
from storage import flows
from storage.engine import db
from storage.forms import OptIn
from storage.messages import Message, MessageState, SkipReason
from storage.shops import Shop
from tests.rules.test_double_opt_in import set_opt_in, sign_up, work
from webhooks.app import routes

ADDRESS, BROWSER = "kim@shop.example", "b-stranger"
LIES = "You won! Go to https://evil.example/prize"
TEXT = "Still thinking of {{ event.title }} at {{ event.price }}? {{ event.note }}"
BALM: dict[str, Any] = {
    "id": 7, "title": "Balm", "handle": "balm", "product_type": "Balm",
    "updated_at": "2026-11-01T00:00:00Z",
    "variants": [{"id": 71, "product_id": 7, "title": "50 ml", "price": "24.50"}],
}  # fmt: skip


@pytest.fixture
def client(form_id: int, shop: Shop):
    """A storefront with a live flow that writes to those who look at a product."""
    apply_facts(shop, products.normalise("products/update", BALM, "USD"))
    set_opt_in(shop, form_id, OptIn.SINGLE_OPT_IN)
    with db.transaction() as session:
        blocks = [
            {"type": "text", "text": TEXT},
            {"type": "button", "text": "Look", "url": "{{ event.url }}"},
            {"type": "footer", "text": "Bye"},
        ]
        template = publish_template(
            session, shop.id, None, name="Looked", subject="{{ event.title }}", preview="",
            blocks=blocks, translations={},
        )  # fmt: skip
        message = {"template_id": str(template), "smart_sending_enabled": False}
        definition = {
            "triggers": [{"type": "metric", "id": "Viewed Product"}],
            "entry_action_id": "1",
            "actions": [
                {"id": "1", "type": "send-email", "links": {"next": None},
                 "data": {"message": message, "status": "live"}}
            ],
        }  # fmt: skip
        flow_id = flow_library.add_flow(session, shop.id, "Looked", definition)
    flow_library.set_status(shop.id, flow_id, True)
    with TestClient(Starlette(routes=routes()), client=("127.0.0.1", 50_000)) as client:
        yield client


def settle(shop: Shop) -> None:
    """Do the steps of flows, then send what they queued."""
    work(shop)
    work(shop)


def look(shop: Shop, event_id: str, **data: Any) -> None:
    """Tell what the stranger's browser looked at, in words of their own."""
    told = {"product_id": "7", "title": LIES, "price": 0.01, "note": LIES, **data}
    event = {
        "id": event_id, "name": "product_viewed", "timestamp": datetime.now(UTC).isoformat(),
        "client_id": BROWSER, "marketing": True, "url": "https://evil.example/prize", "data": told,
    }  # fmt: skip
    pixel.record_pixel_events(shop, [event])


def about_products(shop: Shop) -> list[Message]:
    """The messages of the flow."""
    with db.reading() as session:
        looked = next(f for f in flows.flows_of(session, shop.id) if f.name == "Looked")
        rows = session.exec(Message.__table__.select().where(Message.shop_id == shop.id))
        return [row for row in rows if row.flow_id == looked.id]


def test_s36_a_strangers_browser_begins_no_mail_to_an_address_that_they_typed(
    client, form_id, shop, relay
):
    sign_up(client, form_id, email=ADDRESS, browser_id=BROWSER)
    look(shop, "e-1")
    settle(shop)

    assert about_products(shop) == []


def test_s36_nor_does_what_it_told_before_the_address_was_typed(client, form_id, shop, relay):
    look(shop, "e-1")
    sign_up(client, form_id, email=ADDRESS, browser_id=BROWSER)
    settle(shop)

    (message,) = about_products(shop)
    assert (message.state, message.skip_reason) == (MessageState.SKIPPED, SkipReason.HEARSAY)


def click(client, shop: Shop) -> None:
    with db.transaction() as session:
        rows = session.exec(Message.__table__.select().where(Message.shop_id == shop.id)).all()
        message = session.get(Message, (shop.id, rows[0].id))
        message.links, message.address = ["https://shop.example/"], ADDRESS
        session.add(message)
    path = links.click_url(Target(shop.id, message.id)).removeprefix("http://127.0.0.1:8000")
    client.get(path, headers={"User-Agent": "Mozilla/5.0 Firefox/140.0"}, follow_redirects=False)


def log_in(client, shop: Shop) -> None:
    customer = {"id": 9, "email": ADDRESS, "updated_at": "2026-11-21T11:00:00Z"}
    apply_facts(shop, customers.normalise("customers/update", customer, "USD"))
    pixel.identify_browser(shop, BROWSER, "9")


def check_out(client, shop: Shop) -> None:
    checkout = {
        "id": 5, "token": "k-1", "email": ADDRESS, "created_at": "2026-11-21T11:00:00Z",
        "updated_at": "2026-11-21T11:00:00Z", "line_items": [], "total_price": "0.00",
        "currency": "USD",
    }  # fmt: skip
    apply_facts(shop, checkouts.normalise("checkouts/create", checkout, "USD"))
    event = {
        "id": "e-0", "name": "checkout_started", "timestamp": datetime.now(UTC).isoformat(),
        "client_id": BROWSER, "marketing": True, "data": {"checkout_token": "k-1"},
    }  # fmt: skip
    pixel.record_pixel_events(shop, [event])


@pytest.mark.parametrize("answer", [click, log_in, check_out])
def test_s36_once_the_address_or_shopify_answered_the_browser_is_its_shoppers(
    client, form_id, shop, relay, answer
):
    sign_up(client, form_id, email=ADDRESS, browser_id=BROWSER)
    settle(shop)
    answer(client, shop)
    relay.kept.clear()

    look(shop, "e-2")
    settle(shop)

    (mail,) = relay.mails()
    text = mail.get_body(("plain",)).get_content()
    assert mail["Subject"] == "Balm"
    assert "Still thinking of Balm at 24.5?" in text
    assert "evil" not in mail.as_string()
    assert "You won" not in text
    (message,) = about_products(shop)
    assert [re.sub(r"\?.*", "", each) for each in message.links][:1] == [
        "http://127.0.0.1:8001/products/balm"
    ]


def test_s36_of_a_cart_a_mail_prints_what_the_catalog_says(client, shop):
    told = [
        {"product_id": 7, "title": LIES, "price": 1, "quantity": 2, "url": "https://evil.example"},
        {"product_id": 8, "title": LIES, "price": 1, "quantity": 1},
        {"title": LIES},
        LIES,
    ]
    (line,) = lines_of_catalog(Catalog(shop), told)

    assert (line["title"], line["price"], line["quantity"]) == ("Balm", 2450, 2)
    assert line["url"] == "http://127.0.0.1:8001/products/balm"


@pytest.mark.parametrize(
    "text",
    [LIES, "https://evil.example", "//evil.example", "www.evil.example", "evil.example/prize",
     "evil.example", "javascript:alert(1)", "mailto:a@evil.example", "HTTP:\\\\evil.example"],
)  # fmt: skip
def test_s36_words_that_lead_elsewhere_are_no_words(shop, text):
    assert without_links({"a": [text]}, shop) == {"a": [""]}


@pytest.mark.parametrize(
    "text", ["dry skin", "3.5 ml", "Dr. Hauschka", "/products/balm", "http://127.0.0.1:8001/quiz"]
)
def test_s36_other_words_stay(shop, text):
    assert without_links(text, shop) == text
