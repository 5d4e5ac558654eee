"""F31: a merchant leaves and perhaps returns: what is kept and sent, and what late
webhooks may do.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from starlette.applications import Starlette

from devstore.delivery import Courier
from devstore.shop.outbox import Request
from plugin import clock, onboard
from plugin.ingest.digest import digest_deliveries
from plugin.messages.send import send_messages
from plugin.privacy import requests
from plugin.shopify.api.access_tokens import access_token
from storage import privacy_requests, profiles
from storage.engine import db
from storage.messages import Message, MessageState, get_message
from storage.shops import Shop, shop_by_domain, unsynced
from tests.plugin.messages.world import World, build
from tests.plugin.shopify.box import Shopify, door, shopify
from webhooks.app import routes

__all__ = ["door", "shopify"]  # fixtures

DOMAIN = "dewpoint.myshopify.com"


@dataclass
class Town:
    """The store, our app, and the line between them."""

    shopify: Shopify
    app: Starlette
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        """The time in the story, for both."""
        return datetime.now(UTC) + self.ahead

    def opens(self) -> Shop:
        """Open our pages in the merchant's admin."""
        onboard.ensure_installed(DOMAIN, self.shopify.id_token())
        found = self.shop()
        assert found
        return found

    def shop(self) -> Shop | None:
        """The store as we know it."""
        with db.reading() as session:
            return shop_by_domain(session, DOMAIN)

    def news(self) -> None:
        """Deliver and digest the store's webhooks, and run the privacy requests among them."""
        self._deliver()
        digest_deliveries()
        with db.transaction() as session:
            due = privacy_requests.claim_due(session, clock.now(), 100)
        for shop_id, request_id in due:
            requests.run_requests(shop_id, [request_id])

    def _deliver(self) -> None:
        async def deliver() -> None:
            line = httpx2.ASGITransport(self.app)
            async with httpx2.AsyncClient(transport=line) as client:
                await Courier([self.shopify.store], client).deliver_due()

        asyncio.run(deliver())

    def says_again(self, said: Request, webhook_id: str) -> None:
        """The same delivery once more, under another id."""

        async def post() -> None:
            line = httpx2.ASGITransport(self.app)
            headers = {**said.headers, "X-Shopify-Webhook-Id": webhook_id}
            async with httpx2.AsyncClient(transport=line) as client:
                url = "http://app/webhooks/shopify"
                answer = await client.post(url, content=said.body, headers=headers)
                assert answer.status_code == 200

        asyncio.run(post())


@pytest.fixture
def town(sqlite: str, broker: object, shopify: Shopify, monkeypatch: pytest.MonkeyPatch) -> Town:
    """The merchant has installed the app, and one shopper waits for a mail."""
    town = Town(shopify, Starlette(routes=routes()))
    monkeypatch.setattr(clock, "now", town.now)
    monkeypatch.setattr(shopify.store, "now", town.now)
    return town


@pytest.fixture
def world(town: Town) -> World:
    """What the shop has."""
    return build(town.opens())


def people(shop: Shop | None) -> int:
    assert shop
    with db.reading() as session:
        return profiles.count_profiles(session, shop.id)


def message(world: World, message_id: int) -> Message:
    with db.reading() as session:
        found = get_message(session, world.shop.id, message_id)
    assert found
    return found


def test_who_leaves_is_written_to_no_more_and_our_keys_are_gone(town, world, relay):
    waiting = world.queue()
    assert message(world, waiting).state == MessageState.DUE

    town.shopify.store.uninstall()
    town.news()
    send_messages(world.shop.id, [waiting])

    gone = town.shop()
    assert gone.uninstalled_at is not None
    assert (gone.access_token, gone.refresh_token) == (None, None)
    sent = message(world, waiting)
    assert (sent.state, sent.skip_reason) == ("skipped", "shop_uninstalled")
    assert relay.mails() == []
    assert people(gone) == 1  # for 48 hours


def test_a_return_within_48_hours_keeps_everything_despite_late_webhooks(town, world):
    store = town.shopify.store
    store.uninstall()
    (farewell,) = store.deliveries("app/uninstalled")
    (redact,) = store.deliveries("shop/redact")
    town.news()
    town.ahead += timedelta(hours=24)
    store.install()
    back = town.opens()
    assert (back.generation, back.uninstalled_at, people(back)) == (2, None, 1)

    town.ahead += timedelta(hours=25)
    store.redeliver()  # the same ids once more
    town.says_again(farewell, "late-1")
    town.says_again(redact, "late-2")
    town.news()

    still = town.shop()
    assert (still.generation, still.uninstalled_at, people(still)) == (2, None, 1)
    assert store.admits(access_token(still.id))


def test_an_uninstall_webhook_after_the_return_closes_the_shop_briefly(town, world):
    """We could not know of either: our key was still good by its date."""
    store = town.shopify.store
    store.uninstall()
    town.ahead += timedelta(minutes=10)
    store.install()
    assert town.opens().generation == 1  # the old keys seem good

    town.news()
    assert town.shop().uninstalled_at is not None
    back = town.opens()

    assert (back.generation, back.uninstalled_at, people(back)) == (2, None, 1)
    store.redeliver()
    town.news()
    assert town.shop().uninstalled_at is None


def test_an_uninstall_webhook_after_our_token_failed_closes_nothing(town, world):
    store = town.shopify.store
    store.uninstall()
    town.ahead += timedelta(minutes=70)  # the access token has ended, its refresh is refused
    with pytest.raises(Exception, match="Open Regulars in your Shopify admin"):
        access_token(world.shop.id)
    store.install()
    assert town.opens().generation == 2

    town.news()

    assert town.shop().uninstalled_at is None
    assert people(town.shop()) == 1


def test_who_does_not_come_back_is_emptied_after_48_hours(town, world):
    town.shopify.store.uninstall()
    town.news()
    town.ahead += timedelta(hours=47)
    town.news()
    assert people(town.shop()) == 1

    town.ahead += timedelta(hours=2)
    town.news()

    assert town.shop() is None
    with db.reading() as session:
        assert profiles.count_profiles(session, world.shop.id) == 0
        assert unsynced(session, clock.now()) == []


def test_an_uninstall_that_was_never_told_ends_with_the_request_by_law(town, world):
    """Shopify tries for four hours, and our machine may be away for longer."""
    store = town.shopify.store
    store.uninstall()
    (redact,) = store.deliveries("shop/redact")
    with store.transaction() as outbox:
        outbox.execute("delete from delivery where topic = 'app/uninstalled'")
    town.ahead += timedelta(hours=49)

    town.news()

    assert redact.payload["shop_domain"] == DOMAIN
    assert town.shop() is None


def test_a_redact_request_during_a_return_asks_shopify_before_deleting(town, world):
    """Its time is after the new install, which is less than 48 hours old."""
    store = town.shopify.store
    store.uninstall()
    (redact,) = store.deliveries("shop/redact")
    town.news()
    town.ahead += timedelta(hours=47)
    store.install()
    assert town.opens().generation == 2
    town.ahead += timedelta(hours=1)
    late = redact._replace(
        headers={**redact.headers, "X-Shopify-Triggered-At": clock.now().isoformat()}
    )

    town.says_again(late, "late")
    town.news()

    assert town.shop().uninstalled_at is None
    assert people(town.shop()) == 1


@pytest.mark.parametrize("later", [timedelta(minutes=16), timedelta(days=8)])
def test_while_shopify_cannot_be_asked_nothing_is_deleted_for_a_week(town, world, later):
    store = town.shopify.store
    store.uninstall()
    (said,) = store.deliveries("shop/redact")
    with store.transaction() as outbox:
        outbox.execute("delete from delivery")
    town.ahead += timedelta(hours=1)
    late = said._replace(
        headers={**said.headers, "X-Shopify-Triggered-At": clock.now().isoformat()}
    )
    answering, town.shopify.app = town.shopify.app, Starlette()  # 404 to everything
    town.says_again(late, "late")
    town.news()
    assert people(town.shop()) == 1

    if later < timedelta(days=1):
        town.shopify.app = answering
    town.ahead += later
    town.news()

    assert town.shop() is None
