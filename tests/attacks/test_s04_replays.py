"""S04: a genuine delivery that comes again has its effect once, and an old one starts nothing."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from plugin import clock
from plugin.flows import library
from plugin.ingest.digest import digest_deliveries
from storage import events, flows
from storage.engine import db
from storage.profiles import IdentityKind, find_identities
from tests.story import Story
from tests.webhooks.test_shopify import headers, kept


def paid(story=None):
    """An order's delivery, as the storefront sends it."""
    story = story or Story()
    store = story.store
    cart = store.add_to_cart(None, store.product("cloud-cream")["variants"][0]["id"])
    checkout = store.start_checkout(cart["token"], "maya@example.com")
    store.complete_checkout(checkout["token"])
    (delivery,) = store.deliveries("orders/create")
    return delivery


def placed(shop):
    with db.reading() as session:
        known = find_identities(session, shop.id, [(IdentityKind.EMAIL, "maya@example.com")])
        found = events.timeline(session, shop.id, known[IdentityKind.EMAIL, "maya@example.com"])
    return [event for event in found if event.metric == "Placed Order"]


def test_s04_a_thousand_at_once_of_one_id_have_one_effect(way_in, shop):
    order = paid()

    def send(_):
        return way_in.post(
            "/webhooks/shopify", content=order.body, headers=order.headers
        ).status_code

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(send, range(1_000)))
    digest_deliveries()

    assert answers == [200] * 1_000
    assert len(kept()) == 1
    assert len(placed(shop)) == 1


def test_s04_the_same_body_under_a_new_id_has_no_second_effect(way_in, shop):
    order = paid()
    for number in range(3):
        given = {**order.headers, "X-Shopify-Webhook-Id": f"again-{number}"}
        assert way_in.post("/webhooks/shopify", content=order.body, headers=given).is_success
        digest_deliveries()

    assert len(kept()) == 3
    assert len(placed(shop)) == 1


def test_s04_an_old_delivery_is_kept_and_starts_no_flow(way_in, shop):
    library.seed_flows(shop.id)
    with db.reading() as session:
        abandoned = next(
            f for f in flows.flows_of(session, shop.id) if f.name == "Abandoned checkout"
        )
    library.set_status(shop.id, abandoned.id, True)

    def leaves(email, token, ago):
        at = (clock.now() - ago).isoformat()
        said = {"id": 1, "token": token, "email": email, "created_at": at, "updated_at": at,
                "currency": "USD", "presentment_currency": "USD", "total_price": "48.00",
                "subtotal_price": "48.00", "line_items": [], "abandoned_checkout_url": "https://x",
                "customer": None, "discount_codes": []}  # fmt: skip
        body = json.dumps(said).encode()
        given = headers(body, Topic="checkouts/create", Webhook_Id=token, Triggered_At=at)
        assert way_in.post("/webhooks/shopify", content=body, headers=given).is_success
        digest_deliveries()
        with db.reading() as session:
            (profile_id,) = find_identities(
                session, shop.id, [(IdentityKind.EMAIL, email)]
            ).values()
            metrics = {e.metric for e in events.timeline(session, shop.id, profile_id)}
            return metrics, len(flows.enrolments_of(session, shop.id, profile_id))

    assert leaves("now@example.com", "t-1", timedelta(minutes=1)) == ({"Checkout Started"}, 1)
    assert leaves("old@example.com", "t-2", timedelta(hours=49)) == ({"Checkout Started"}, 0)
